//! Who may say what: a decoded event becomes admitted or rejected.
//!
//! Limits and required members are checked where bytes become an [`Event`]; this crate decides what
//! needs to know the deployment: which tenants there are, and which channels outsiders may write.
//! It grows with authentication, access control and signatures.

mod tenants;

pub use tenants::TenantPolicy;

use larum_event::{Event, Rejection, RejectionReason};

/// Decides whether an event from outside may enter.
///
/// # Errors
/// [`RejectionReason::ChannelRefused`], [`RejectionReason::TenantRequired`] or
/// [`RejectionReason::UnknownTenant`].
pub fn admit_event(event: &Event, tenants: &TenantPolicy) -> Result<(), Rejection> {
    let envelope = event.envelope();
    let channel = envelope.channel.as_str();
    if channel.starts_with('$') || channel == "alerts" {
        return Err(Rejection::for_member(
            RejectionReason::ChannelRefused,
            "channel",
            format!(
                "channel {channel:?} is the engine's own; send to another one, such as \"security\""
            ),
        ));
    }
    tenants.check_tenant(&envelope.tenant)
}
