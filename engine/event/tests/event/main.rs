//! The crate as others see it: bytes in, events or rejections out.

mod canonical_json;
mod door;
mod fields;
