//! What a method has set, and where.

use rhai::Position;

use crate::diagnostic::RuleProblem;

/// Something a method has set, and where. A value that was refused is `None`: it was said, so
/// nothing else need complain that it was not.
#[derive(Debug, Clone)]
pub(crate) struct DraftSetting<T> {
    pub(crate) value: Option<T>,
    pub(crate) place: Position,
}

/// The value, if it was said and not refused.
pub(super) fn setting_value<T>(said: Option<&DraftSetting<T>>) -> Option<&T> {
    said.and_then(|said| said.value.as_ref())
}

/// Sets what may be said once.
pub(super) fn set_once<T>(
    slot: &mut Option<DraftSetting<T>>,
    name: &str,
    place: Position,
    value: Result<T, RuleProblem>,
) -> Result<(), RuleProblem> {
    if let Some(said) = slot {
        let line = said.place.line().unwrap_or(0);
        return Err(
            RuleProblem::new("set-twice", format!("`.{name}(..)` is said twice"))
                .with_help(format!("the first is in line {line}")),
        );
    }
    let (value, problem) = match value {
        Ok(value) => (Some(value), Ok(())),
        Err(problem) => (None, Err(problem)),
    };
    *slot = Some(DraftSetting { value, place });
    problem
}
