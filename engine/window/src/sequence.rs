//! Sequences: steps in their order, as the state of one key.
//!
//! A *chain* has events for each step that occurs, those of each step after those of the step
//! before in window order; an event serves one step of a chain. A step that must not occur is
//! *absent*: before the first event of a chain, between two steps, or after its last event. Every
//! chain counts, not only the one that takes the first fitting events. So a key keeps each partial
//! chain that may still become a chain that no other partial chain would become.
//!
//! Decided here, where the rule leaves room:
//!
//! - A step with a count above one takes all events that satisfy it between the step before and the
//!   step after; the `within` and joins of the next step look at the last of them. As the first
//!   step it takes all such events of the window, unless a step must be absent before or after the
//!   chain.
//! - The `within` of a step that begins a chain has no effect, because no step comes before it.
//! - Of several chains with the same last event, the one that begins last is reported.
//! - An event first ends the chains it stops or must not occur in, and may then begin or extend
//!   chains. So an event that is both the absent step and the next one does not complete a chain
//!   that waited for both, but may begin one.
//! - An absent step with its own `within` between two steps is watched for that long after the step
//!   before.
//! - A value that is missing on one side differs from one that is there. If both are missing, or
//!   the other step was left out, no join holds. Integers and floats compare as numbers.
//! - That an absent step occurred before a chain is remembered even if the chain's events are
//!   consumed or stopped.
//! - If an absent step ends a chain, each event that completes the rest waits on its own, and an
//!   opening event raises one alert.
//!
//! Owns the chains of one key; which key an event belongs to and the order of events are the
//! caller's job.

mod rule;

mod join;

mod partial;

mod shared_queue;

mod run;

mod waiting_chain;

mod chain_summary;

mod sequence_state;

mod outcome;

mod view;

#[cfg(test)]
mod tests;

pub(crate) use rule::SequenceRule;
pub(crate) use sequence_state::SequenceState;
