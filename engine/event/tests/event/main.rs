//! The crate as others see it: bytes in, events or rejections out.

mod bad_input;
mod bad_members;
mod canonical_json;
mod cloudevents;
mod door;
mod fields;
mod properties;
mod topics;
