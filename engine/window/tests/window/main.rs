//! What a window promises, from outside.

mod stream;

mod policies;

mod episodes;

mod disorder;

mod limits;

mod checkpoints;

mod answers;

mod model;
