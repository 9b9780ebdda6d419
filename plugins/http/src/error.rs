//! Why the door does not open.

use std::io;
use std::net::SocketAddr;

/// Why no server was started.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address can be reached from other machines.
    #[error(
        "will not listen on {addr}: authentication does not exist yet, so the door opens on loopback \
         addresses only, such as 127.0.0.1:{} or [::1]:{}", addr.port(), addr.port()
    )]
    NotLoopback {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The address could not be had.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Two decoders answer to one name.
    #[error("two decoders are called {name:?}; a request could not say which one it means")]
    DecoderTwice {
        /// The name.
        name: String,
    },
    /// An entry of the allowed hosts is no host.
    #[error("allowed host {text:?} is not a host name or address, with or without :port")]
    InvalidHost {
        /// The entry.
        text: String,
    },
}
