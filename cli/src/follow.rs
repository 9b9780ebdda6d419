//! Following a tree or an incident over a WebSocket of a running engine.
//!
//! Owns the connection: one that breaks is made again behind the last position that was told, so that nothing is told
//! twice and nothing is left out.

mod told;

use std::time::Duration;

use futures_util::StreamExt;
use larum_event::Position;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use self::told::Heard;
use crate::error::{CliError, Exit};
use crate::query::{Client, Looks, Parameter, in_path};
use crate::terminal::{Out, say};

/// Between two tries to connect again.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// Tries in a row after which an engine is taken for gone.
const TRIES: u32 = 300;
/// An engine gives a sign of life every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What is followed.
pub struct Followed<'a> {
    /// The address of the engine.
    pub server: &'a str,
    /// The path of the watch.
    pub path: String,
    /// Whose it is.
    pub tenant: Option<Parameter>,
    /// What stands up to here is known.
    pub after: Position,
}

/// How a connection ended.
enum Ended {
    /// It may be made again.
    Broken,
    /// Not by trying again.
    Failed(CliError),
}

/// Tells what comes until somebody ends it, or the engine is gone for good.
pub fn follow(followed: &Followed<'_>, looks: Looks, out: &mut Out) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut following = Following {
        followed,
        after: followed.after,
        looks,
        out,
    };
    runtime.block_on(following.run())
}

struct Following<'a, 'o> {
    followed: &'a Followed<'a>,
    /// Everything up to here was told.
    after: Position,
    looks: Looks,
    out: &'o mut Out,
}

impl Following<'_, '_> {
    async fn run(&mut self) -> Result<Exit, CliError> {
        let mut tries = 0;
        loop {
            match self.connect().await {
                Ok(mut socket) => {
                    tries = 0;
                    match self.listen(&mut socket).await {
                        Ended::Broken => {}
                        Ended::Failed(error) => return Err(error),
                    }
                }
                Err(error) => match self.ended(error) {
                    Ended::Failed(error) => return Err(error),
                    Ended::Broken if tries == TRIES => return Err(self.gone()),
                    Ended::Broken => {}
                },
            }
            if tries == 0 {
                let after = self.after;
                say(&format!(
                    "the connection ended; going on after position {after}"
                ));
            } else {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            tries += 1;
        }
    }

    async fn connect(&self) -> Result<Socket, Error> {
        let Followed {
            server,
            path,
            tenant,
            ..
        } = self.followed;
        let server = server.strip_prefix("http://").unwrap_or(server);
        let mut url = format!("ws://{server}{path}?after={}", self.after);
        if let Some((name, value)) = tenant {
            url.push_str(&format!("&{name}={}", in_path(value)));
        }
        let (socket, _) = connect_async(url).await?;
        Ok(socket)
    }

    /// Whether it makes sense to try again.
    fn ended(&self, error: Error) -> Ended {
        match error {
            Error::Http(response) if response.status() != http::StatusCode::SERVICE_UNAVAILABLE => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(body);
                let failed = Client::new(self.followed.server)
                    .map(|client| client.refused(response.status(), &body));
                Ended::Failed(failed.unwrap_or_else(|error| error))
            }
            _ => Ended::Broken,
        }
    }

    fn gone(&self) -> CliError {
        CliError::NoServer {
            server: self.followed.server.to_owned(),
            cause: "it went away and did not come back".to_owned(),
        }
    }

    async fn listen(&mut self, socket: &mut Socket) -> Ended {
        loop {
            let Ok(Some(Ok(message))) = tokio::time::timeout(SILENCE, socket.next()).await else {
                return Ended::Broken;
            };
            let Message::Text(text) = message else {
                continue;
            };
            if let Err(error) = self.tell(&text) {
                return Ended::Failed(error);
            }
        }
    }

    fn tell(&mut self, text: &str) -> Result<(), CliError> {
        let heard = Heard::parse(text);
        match (self.looks, &heard) {
            (Looks::Json, _) => told::write_json(self.out, text)?,
            (Looks::Text(_), Heard::TreeChange(change)) => told::write(self.out, change)?,
            (Looks::Text(_), Heard::Gap { .. } | Heard::Other) => {}
        }
        match heard {
            Heard::TreeChange(change) => self.after = self.after.max(Position(change.position)),
            Heard::Gap { resume } => self.after = Position(resume),
            Heard::Other => {}
        }
        Ok(())
    }
}
