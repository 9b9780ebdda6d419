//! A small HTTP client: one connection, kept alive, one request at a time.
//!
//! It costs next to nothing, for it shares its processors with the engine that it measures.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::error::BenchError;

/// See the module's words.
#[derive(Debug)]
pub struct Client {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    host: SocketAddr,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Answer {
    /// It is stored.
    Stored,
    /// The engine is behind and stored nothing.
    Overloaded,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens at `host`.
    pub async fn connect(host: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Self {
            read: BufReader::new(read),
            write,
            host,
        })
    }

    /// Posts events as NDJSON.
    ///
    /// # Errors
    /// The connection broke, or the door refused an event.
    pub async fn post(&mut self, lines: &str) -> Result<Answer, BenchError> {
        let head = format!(
            "POST /v1/events?items=failed HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
            self.host,
            lines.len()
        );
        self.write.write_all(head.as_bytes()).await?;
        self.write.write_all(lines.as_bytes()).await?;
        let (status, body) = self.answer().await?;
        match status {
            200 if body.contains(r#""rejected":0"#) => Ok(Answer::Stored),
            503 => Ok(Answer::Overloaded),
            _ => Err(BenchError::Refused {
                answer: format!("{status} {body}"),
            }),
        }
    }

    async fn answer(&mut self) -> Result<(u16, String), BenchError> {
        let mut line = String::new();
        self.read.read_line(&mut line).await?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        let mut length = 0;
        loop {
            line.clear();
            if self.read.read_line(&mut line).await? == 0 || line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        self.read.read_exact(&mut body).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
