//! The one place where a panic is caught.
//!
//! Everything that users influence (rule code, handlers, rebuilding from data) runs through
//! [`catch_panic`]; all else may crash its actor, which the guardian then re-creates.

use std::any::Any;
use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use larum_event::limits;

// Without unwinding there is nothing to catch: a build that aborts on panics is refused.
const _: () = assert!(cfg!(panic = "unwind"), "larum needs panic = \"unwind\"");

/// Guarded code panicked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{work} panicked: {message}")]
pub struct CaughtPanic {
    /// The unit of work that was being done.
    pub work: String,
    /// What the panic said.
    pub message: String,
}

/// Runs `code`, the unit of work called `work`, and catches its panic.
///
/// What `code` was changing must be thrown away afterwards: it may be half changed. `work` is only
/// written out after a panic.
pub fn catch_panic<T>(work: impl Display, code: impl FnOnce() -> T) -> Result<T, CaughtPanic> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| to_caught_panic(work, payload))
}

/// Awaits `code` as [`catch_panic`] runs a closure.
pub async fn catch_panic_async<T>(
    work: impl Display,
    code: impl Future<Output = T>,
) -> Result<T, CaughtPanic> {
    AssertUnwindSafe(code)
        .catch_unwind()
        .await
        .map_err(|payload| to_caught_panic(work, payload))
}

fn to_caught_panic(work: impl Display, payload: Box<dyn Any + Send>) -> CaughtPanic {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    let panicked = CaughtPanic {
        work: shorten_reason(&work.to_string()),
        message: shorten_reason(message),
    };
    // A payload is any value, and its destructor may panic too.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
    panicked
}

/// `text` cut to `limits::FAILURE_REASON_BYTES` at a character's end.
pub(super) fn shorten_reason(text: &str) -> String {
    let mut end = text.len().min(limits::FAILURE_REASON_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn a_value_passes_and_a_panic_becomes_an_error_that_names_the_work() {
        assert_eq!(catch_panic("adding", || 1 + 1), Ok(2));
        let caught = catch_panic("batch 7", || -> () { panic!("event {} is bad", 3) });
        assert_eq!(
            caught.unwrap_err().to_string(),
            "batch 7 panicked: event 3 is bad"
        );
        assert_eq!(
            catch_panic("x", || -> () { panic!("plain") })
                .unwrap_err()
                .message,
            "plain"
        );
    }

    #[test]
    fn a_panic_after_an_await_is_caught_too() {
        let code = async {
            std::future::ready(()).await;
            panic!("later")
        };
        let caught: Result<(), _> = catch_panic_async("handler", code).now_or_never().unwrap();
        assert_eq!(caught.unwrap_err().message, "later");
    }

    #[test]
    fn a_payload_whose_destructor_panics_does_not_get_through() {
        let caught = catch_panic("x", || -> () { std::panic::panic_any(PanicsWhenDropped) });
        assert_eq!(caught.unwrap_err().message, "(no message)");
    }

    #[test]
    fn a_long_message_is_cut_at_the_end_of_a_character() {
        let most = limits::FAILURE_REASON_BYTES;
        assert_eq!(shorten_reason(&"x".repeat(most)).len(), most);
        assert_eq!(shorten_reason(&"x".repeat(most + 1)).len(), most);
        assert_eq!(
            shorten_reason(&format!("x{}", "ä".repeat(most))).len(),
            most - 1
        );
    }
}
