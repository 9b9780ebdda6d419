//! What a method has set, and where.

use rhai::Position;

use crate::diagnostic::RuleProblem;

/// Something a method has set, and where. A refused value is `None`: the method was called, so
/// nothing is reported as missing.
#[derive(Debug, Clone)]
pub(crate) struct DraftSetting<T> {
    pub(crate) value: Option<T>,
    pub(crate) place: Position,
}

/// The value, if it was set and not refused.
pub(super) fn setting_value<T>(setting: Option<&DraftSetting<T>>) -> Option<&T> {
    setting.and_then(|setting| setting.value.as_ref())
}

/// Sets what may be set only once.
pub(super) fn set_once<T>(
    slot: &mut Option<DraftSetting<T>>,
    name: &str,
    place: Position,
    value: Result<T, RuleProblem>,
) -> Result<(), RuleProblem> {
    if let Some(setting) = slot {
        let line = setting.place.line().unwrap_or(0);
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
