//! What end-to-end tests share: the real binary, alone or as a server, and the recordings.

mod recordings;

mod run;

mod server;

pub use recordings::recordings;
pub use run::{binary, larum};
pub use server::{Posting, Server};
