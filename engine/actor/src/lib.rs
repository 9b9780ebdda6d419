//! Supervised actors: what actix leaves out, for any engine built on it.
//!
//! [`Supervision::start_actor`] starts an actor that is restarted when it panics, re-created when
//! it dies and quarantined when it keeps failing. [`Credits`] bound every edge between actors.
//! [`RuntimeClock`] is the one place that reads a clock, and [`Faults`] lets tests break a named
//! unit.
//!
//! Knows nothing of what the actors do. Of Larum it uses only the units of time and the limits of
//! `larum-event`.

mod supervise;

mod supervision;

mod credit;

mod clock;

mod faults;

mod seeded_sequence;

pub use clock::{ManualTime, RuntimeClock, to_duration};
pub use credit::{
    CreditBatch, CreditPermit, Credits, QueueGauge, UndeliveredMessage, send_batch, send_control,
};
pub use faults::{FaultAction, Faults, InvalidFaults};
pub use larum_event::MonotonicTime;
pub use seeded_sequence::SeededSequence;
pub use supervise::{
    ActorEntry, ActorGuard, ActorRegistry, ActorSlot, ActorSnapshot, ActorState, CaughtPanic,
    DropNotice, Guardian, LastError, ProgressLimits, ReadmitActor, RegistryFull, ReleaseActor,
    RestartIntensity, RestartVerdict, RetireGuardian, StalledActor, StateChange, WatchActor,
    WorkRefusal, catch_panic, catch_panic_async,
};
pub use supervision::Supervision;
