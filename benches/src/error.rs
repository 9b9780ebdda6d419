//! Why a benchmark stopped.

/// See the module's words.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The network or the disk failed.
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
    /// The engine did not start.
    #[error("the engine did not start")]
    Start(#[from] larum_engine::StartError),
    /// The door did not open.
    #[error("the door did not open")]
    Door(#[from] larum_http::HttpError),
    /// The engine refused what it was sent.
    #[error("the engine refused events: {answer}")]
    Refused {
        /// Its words.
        answer: String,
    },
    /// The stream broke.
    #[error("the stream of alerts broke")]
    Stream(#[from] tokio_tungstenite::tungstenite::Error),
}
