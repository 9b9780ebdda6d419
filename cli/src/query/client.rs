//! Queries to a running engine, over HTTP.
//!
//! Owns the connection and what its errors say; which parameters a query has is each query's own
//! job.
//! Invariant: every request ends, within a fixed time and with an answer of bounded size.

use std::time::Duration;

use larum_engine::{EventKinds, EventQuery};
use larum_event::{FormQuery, Position, QueryPair};
use serde::Deserialize;
use serde_json::value::RawValue;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use super::{FoundEvent, FoundPage, MissingKind, MissingTarget, QueryAnswer, QueryReply};
use crate::error::CliError;

/// Longest wait for an answer; a page is cut so that it never takes seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer, in bytes: a page of the largest events.
const ANSWER_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// A running engine.
pub struct EngineClient {
    agent: Agent,
    server: String,
}

/// A page as the door writes it.
#[derive(Deserialize)]
struct EventPageAnswer {
    items: Vec<Box<RawValue>>,
    next: Option<String>,
}

/// An error as the door writes it.
#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorExplanation,
}

#[derive(Deserialize)]
struct ErrorExplanation {
    code: String,
    message: String,
    help: Option<String>,
}

impl EngineClient {
    /// Its address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// A client of the engine at `server`.
    pub fn new(server: &str) -> Result<Self, CliError> {
        if !server.starts_with("http://") {
            return Err(CliError::Usage(format!(
                "{server:?} is not the address of an engine; use one such as http://127.0.0.1:7423"
            )));
        }
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // An engine listens on loopback; a proxy could not reach it.
            .proxy(None)
            .http_status_as_error(false);
        Ok(Self {
            agent: config.build().into(),
            server: server.trim_end_matches('/').to_owned(),
        })
    }

    /// One page.
    pub fn fetch_page(&self, query: &EventQuery) -> Result<FoundPage, CliError> {
        let path = match query.kinds {
            EventKinds::Alerts => "/v1/alerts",
            EventKinds::Events
            | EventKinds::EventsAndAlerts
            | EventKinds::System
            | EventKinds::All => "/v1/events",
        };
        let (status, body) = self.get(path, &query.to_pairs())?;
        if status != StatusCode::OK {
            return Err(self.refusal_error(status, &body));
        }
        let answer: EventPageAnswer =
            serde_json::from_str(&body).map_err(|error| self.bad_answer_error(&error))?;
        let found: Result<Vec<FoundEvent>, serde_json::Error> = answer
            .items
            .into_iter()
            .map(|item| {
                Ok(FoundEvent {
                    event: serde_json::from_str(item.get())?,
                    json: item.get().to_owned(),
                })
            })
            .collect();
        Ok(FoundPage {
            found: found.map_err(|error| self.bad_answer_error(&error))?,
            next: answer.next,
        })
    }

    /// What is at a path, about one thing.
    pub fn fetch_reply(
        &self,
        path: &str,
        parameters: &[QueryPair],
    ) -> Result<QueryReply, CliError> {
        let mut answer = self.send_request(path, parameters)?;
        let status = answer.status();
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
        let number = |name: &str| header(name)?.parse::<u64>().ok();
        // Headers before the body: reading the body takes the answer.
        let (next, total) = (header("larum-next"), number("larum-total"));
        let as_of = number("larum-as-of").map(Position);
        let body = self.read_body(&mut answer)?;
        if status == StatusCode::OK {
            return Ok(QueryReply::Found(QueryAnswer {
                body: body.trim_end().to_owned(),
                next,
                total,
                as_of,
            }));
        }
        match serde_json::from_str::<ErrorAnswer>(&body) {
            Ok(ErrorAnswer { error }) if status == StatusCode::NOT_FOUND => {
                // A 404 of another path or version is an error; only these two mean that the engine
                // has no such thing.
                let what = match error.code.as_str() {
                    "no_such_tree" | "no_such_incident" => MissingKind::UnknownId,
                    "not_in_tree" => MissingKind::PathEnd,
                    _ => return Err(self.refusal_error(status, &body)),
                };
                let message = error.message;
                Ok(QueryReply::Missing(MissingTarget { what, message }))
            }
            _ => Err(self.refusal_error(status, &body)),
        }
    }

    /// The rules in force, as JSON.
    pub fn fetch_rules(&self) -> Result<String, CliError> {
        match self.get("/v1/rules", &[])? {
            (StatusCode::OK, body) => Ok(body),
            (other, body) => Err(self.refusal_error(other, &body)),
        }
    }

    /// The open groups of windows that `parameters` choose, as JSON.
    pub fn fetch_windows(&self, parameters: &[QueryPair]) -> Result<String, CliError> {
        match self.get("/v1/windows", parameters)? {
            (StatusCode::OK, body) => Ok(body),
            (other, body) => Err(self.refusal_error(other, &body)),
        }
    }

    fn get(&self, path: &str, parameters: &[QueryPair]) -> Result<(StatusCode, String), CliError> {
        let mut answer = self.send_request(path, parameters)?;
        let body = self.read_body(&mut answer)?;
        Ok((answer.status(), body))
    }

    fn send_request(
        &self,
        path: &str,
        parameters: &[QueryPair],
    ) -> Result<Response<Body>, CliError> {
        let mut request = self.agent.get(format!("{}{path}", self.server));
        for (name, value) in parameters {
            request = request.query(name, value);
        }
        request
            .call()
            .map_err(|error| self.unreachable_error(&error))
    }

    fn read_body(&self, answer: &mut Response<Body>) -> Result<String, CliError> {
        let limited = answer.body_mut().with_config().limit(ANSWER_BYTES);
        let body = limited.read_to_string();
        body.map_err(|error| self.unreachable_error(&error))
    }

    fn unreachable_error(&self, error: &ureq::Error) -> CliError {
        CliError::NoServer {
            server: self.server.clone(),
            cause: error.to_string(),
        }
    }

    /// The engine refuses.
    pub fn refusal_error(&self, status: StatusCode, body: &str) -> CliError {
        let cause = match serde_json::from_str::<ErrorAnswer>(body) {
            Ok(ErrorAnswer { error }) => match error.help {
                Some(help) => format!("{}\nhelp: {help}", error.message),
                None => error.message,
            },
            Err(_) => format!("status {status}"),
        };
        CliError::Refused {
            server: self.server.clone(),
            cause,
        }
    }

    /// The answer is not one of an engine of this version.
    pub fn bad_answer_error(&self, error: &serde_json::Error) -> CliError {
        CliError::NoServer {
            server: self.server.clone(),
            cause: format!("the answer is not an engine's: {error}"),
        }
    }
}

/// An id as one segment of a path.
pub fn encode_segment(id: &str) -> String {
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                segment.push(char::from(byte));
            }
            other => segment.push_str(&format!("%{other:02X}")),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_whatever_it_holds() {
        assert_eq!(encode_segment("contact-0001"), "contact-0001");
        assert_eq!(encode_segment("a/b?c=ü"), "a%2Fb%3Fc%3D%C3%BC");
    }
}
