//! The crate as others see it: bytes in, events or rejections out.

mod bad_input;
mod bad_members;
mod canonical_json;
mod cloudevents;
mod door;
mod fields;
mod properties;
mod search_matches;
mod search_model;
mod search_properties;
mod search_text;
mod topics;
