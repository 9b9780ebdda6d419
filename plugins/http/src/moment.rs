//! Moments as clients name them: a position of the log, or a time.

use larum_engine::{AsOf, Engine};
use larum_event::{Position, Timestamp};

/// A moment: digits alone are a position of the log, anything else is a time.
pub(crate) fn parse_moment(engine: &Engine, text: &str) -> Result<AsOf, String> {
    if is_number(text) {
        return parse_position(engine, text).map(AsOf::Position);
    }
    match Timestamp::parse(text) {
        Ok(time) => Ok(AsOf::Time(time)),
        Err(error) => Err(format!("it is no position of the log, and {error}")),
    }
}

/// A position that the log has reached.
pub(crate) fn parse_position(engine: &Engine, text: &str) -> Result<Position, String> {
    if !is_number(text) {
        return Err("it is no position of the log".to_owned());
    }
    let head = engine.health().head;
    let position = text.parse().ok().map(Position);
    position
        .filter(|position| *position <= head)
        .ok_or_else(|| format!("the log ends at position {head}"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
