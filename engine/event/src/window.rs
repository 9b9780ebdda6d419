//! What a rule asks of a window, as data.

mod bounds;

mod policy;

mod sequence;

mod measure;

mod spec;

mod display;

pub use bounds::{Amount, Bound, Bounds, InvalidAmount, InvalidBounds};
pub use measure::{MeasureInput, WindowMeasure};
pub use policy::{FiringPolicy, InvalidFiringPolicy};
pub use sequence::{Join, Sequence, Step, StepOccurrence};
pub use spec::{Aggregate, DecisionTime, Scripted, WindowExtent, WindowSpec};
