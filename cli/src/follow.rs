//! Following a tree or an incident over a WebSocket of a running engine.
//!
//! Owns the connection; how a message is written is the job of `watch_output`.
//! Invariant: a broken connection is made again after the last position that was written, so that
//! no change is written twice and none is left out.

mod watch_output;

use std::time::Duration;

use futures_util::StreamExt;
use larum_event::{Position, QueryPair};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use self::watch_output::WatchMessage;
use crate::error::{CliError, CommandExit};
use crate::query::{EngineClient, OutputStyle, encode_segment};
use crate::terminal::{BufferedStdout, print_notice};

/// Between two tries to connect again.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// Tries in a row after which an engine is taken for gone.
const TRIES: u32 = 300;
/// An engine gives a sign of life every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);

type WatchSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What is followed.
pub struct WatchTarget<'a> {
    /// The address of the engine.
    pub server: &'a str,
    /// The path of the watch.
    pub path: String,
    /// The tenant.
    pub tenant: Option<QueryPair>,
    /// Changes up to here are known.
    pub after: Position,
}

/// How a connection ended.
enum ConnectionEnd {
    /// It may be made again.
    Broken,
    /// Not by trying again.
    Failed(CliError),
}

/// Writes changes until the user ends it, or the engine is gone for good.
pub fn follow_watch(
    followed: &WatchTarget<'_>,
    output: OutputStyle,
    out: &mut BufferedStdout,
) -> Result<CommandExit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut following = WatchClient {
        followed,
        after: followed.after,
        output,
        out,
    };
    runtime.block_on(following.run())
}

struct WatchClient<'a, 'o> {
    followed: &'a WatchTarget<'a>,
    /// Everything up to here was written.
    after: Position,
    output: OutputStyle,
    out: &'o mut BufferedStdout,
}

impl WatchClient<'_, '_> {
    async fn run(&mut self) -> Result<CommandExit, CliError> {
        let mut tries = 0;
        loop {
            match self.connect().await {
                Ok(mut socket) => {
                    tries = 0;
                    match self.read_messages(&mut socket).await {
                        ConnectionEnd::Broken => {}
                        ConnectionEnd::Failed(error) => return Err(error),
                    }
                }
                Err(error) => match self.classify_error(error) {
                    ConnectionEnd::Failed(error) => return Err(error),
                    ConnectionEnd::Broken if tries == TRIES => return Err(self.gone_error()),
                    ConnectionEnd::Broken => {}
                },
            }
            if tries == 0 {
                let after = self.after;
                print_notice(&format!(
                    "the connection ended; continuing after position {after}"
                ));
            } else {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            tries += 1;
        }
    }

    async fn connect(&self) -> Result<WatchSocket, Error> {
        let WatchTarget {
            server,
            path,
            tenant,
            ..
        } = self.followed;
        let server = server.strip_prefix("http://").unwrap_or(server);
        let mut url = format!("ws://{server}{path}?after={}", self.after);
        if let Some((name, value)) = tenant {
            url.push_str(&format!("&{name}={}", encode_segment(value)));
        }
        let (socket, _) = connect_async(url).await?;
        Ok(socket)
    }

    /// Whether it makes sense to try again.
    fn classify_error(&self, error: Error) -> ConnectionEnd {
        match error {
            Error::Http(response) if response.status() != http::StatusCode::SERVICE_UNAVAILABLE => {
                let bytes = response.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(bytes);
                let failed = EngineClient::new(self.followed.server)
                    .map(|client| client.refusal_error(response.status(), &body));
                ConnectionEnd::Failed(failed.unwrap_or_else(|error| error))
            }
            _ => ConnectionEnd::Broken,
        }
    }

    fn gone_error(&self) -> CliError {
        CliError::NoServer {
            server: self.followed.server.to_owned(),
            cause: "it went away and did not come back".to_owned(),
        }
    }

    async fn read_messages(&mut self, socket: &mut WatchSocket) -> ConnectionEnd {
        loop {
            let Ok(Some(Ok(message))) = tokio::time::timeout(SILENCE, socket.next()).await else {
                return ConnectionEnd::Broken;
            };
            let Message::Text(text) = message else {
                continue;
            };
            if let Err(error) = self.write_message(&text) {
                return ConnectionEnd::Failed(error);
            }
        }
    }

    fn write_message(&mut self, text: &str) -> Result<(), CliError> {
        let message = WatchMessage::parse(text);
        match (self.output, &message) {
            (OutputStyle::Json, _) => watch_output::write_json(self.out, text)?,
            (OutputStyle::Text(_), WatchMessage::TreeChange(change)) => {
                watch_output::write_change(self.out, change)?
            }
            (OutputStyle::Text(_), WatchMessage::Gap { .. } | WatchMessage::Other) => {}
        }
        match message {
            WatchMessage::TreeChange(change) => {
                self.after = self.after.max(Position(change.position))
            }
            WatchMessage::Gap { resume } => self.after = Position(resume),
            WatchMessage::Other => {}
        }
        Ok(())
    }
}
