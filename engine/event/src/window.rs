//! What a rule asks of a window, as data.

mod bounds;

mod policy;

mod sequence;

mod spec;

mod words;

pub use bounds::{Amount, Bound, Bounds, Comparison, InvalidAmount, InvalidBounds};
pub use policy::{FiringPolicy, InvalidPolicy};
pub use sequence::{Join, Occurs, Sequence, Step};
pub use spec::{Aggregate, Decided, Extent, Measure, Scripted, WindowSpec};
