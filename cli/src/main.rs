//! The larum binary.
fn main() {}
