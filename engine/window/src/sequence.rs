//! Steps in their order: the state of one key.
//!
//! A **chain** of a sequence takes for each step that occurs its events, the events of each step after those of
//! the step before in window order; an event serves one step of a chain. What must not come is a gap of a chain:
//! before its first event, between two steps, or after its last event. Any chain counts, not only one that takes
//! the first event that fits: what is kept is every partial chain (**partial**) that may still become a chain
//! which no other partial would become as well.
//!
//! Decided here, where the rule leaves room:
//!
//! - A step with a count above one takes all events that satisfy it between the step before and the step after;
//!   the last of them is what the next step's `within` and joins look at. As the first step it takes all of the
//!   window, as long as neither the start nor the end of the chain is watched for something absent.
//! - The `within` of a step with which a chain begins says nothing, for there is no step before it.
//! - Of several chains with the same last event the one that begins last is told.
//! - An event ends first what it stops or must not come in, and may then begin or go on: so an event that is
//!   both the absent step and the next one does not complete what waited for both, and may begin anew.
//! - An absent step with a `within` of its own between two steps is watched for so long after the step before.
//! - A value that is missing on one side is only different from one that is there; with both missing, and with a
//!   step that was left out, no join holds. Numbers are of one kind.
//! - What came and must not come before a chain is remembered whatever is consumed or stopped.
//! - When something absent ends a chain, each event that completes the rest waits on its own, and an opening event
//!   raises one alert.
//!
//! Owns the partials of one key; which key that is, and which order its events come in, is the caller's.

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
