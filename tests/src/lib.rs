//! What end-to-end tests share: the real binary as a server, and the recordings.

mod server;

pub use server::{Posting, Server};
