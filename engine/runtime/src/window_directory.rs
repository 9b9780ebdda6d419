//! Where the windows of the rules in force are found.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use larum_actor::ActorSlot;
use larum_rule::RuleSet;

use crate::actors::WindowActor;

/// The windows in force.
#[derive(Debug, Default)]
pub(crate) struct WindowDirectory(Mutex<Arc<WindowAddresses>>);

/// The windows of one rule set.
#[derive(Default)]
pub(crate) struct WindowAddresses {
    /// The rules.
    pub(crate) set: Option<Arc<RuleSet>>,
    /// Their windows, each with the number of its rule.
    pub(crate) slots: Vec<(u32, ActorSlot<WindowActor>)>,
}

impl fmt::Debug for WindowAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WindowAddresses")
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}

impl WindowDirectory {
    /// These are in force from now on.
    pub(crate) fn replace_windows(
        &self,
        set: &Arc<RuleSet>,
        slots: Vec<(u32, ActorSlot<WindowActor>)>,
    ) {
        let addresses = WindowAddresses {
            set: Some(Arc::clone(set)),
            slots,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(addresses);
    }

    /// The windows in force.
    pub(crate) fn current_windows(&self) -> Arc<WindowAddresses> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
