//! The engine end to end inside one process.

mod support;

mod alerts;

mod live;
