//! Steps in their order: the state of one key.
