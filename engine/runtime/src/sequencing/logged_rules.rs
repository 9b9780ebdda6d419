//! Rules as the log holds them.

use std::sync::Arc;

use larum_event::{Position, RuleSetActivation};
use larum_rule::{Diagnostic, RuleSet};

use crate::rulebook::Rulebook;
use crate::sequencing::epoch_error::EpochError;

/// The rules of a record; they loaded when it was written.
pub(super) fn load_logged_rules(
    rulebook: &Rulebook,
    at: Position,
    activated: &RuleSetActivation,
) -> Result<Arc<RuleSet>, EpochError> {
    let failed = |diagnostics: Vec<Diagnostic>| EpochError::Rules {
        at,
        first: diagnostics
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    rulebook.load_rules(&activated.files).map_err(failed)
}
