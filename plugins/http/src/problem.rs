//! Errors as clients see them: one JSON shape for every status from 400 on.
//!
//! Owns that shape; which error a request gets is each handler's job.
//! Invariant: codes are stable, because programs compare them; messages and help may change.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use larum_engine::RuleFinding;
use larum_event::search::InvalidSearch;
use larum_event::{ParameterError, RejectionReason};
use serde::Serialize;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct HttpProblem {
    status: StatusCode,
    explanation: ProblemExplanation,
    /// Where in a text the mistake is.
    position: Option<TextPosition>,
    /// What is wrong with rules, one by one.
    findings: Box<[RuleFinding]>,
    retry_after_seconds: Option<u64>,
    allow: Option<&'static str>,
}

/// The member `error` of an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProblemExplanation {
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// What was found, for people.
    pub(crate) message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

/// A place in a text, in characters from 1. Small, as everything in a [`HttpProblem`]: searches are
/// short.
#[derive(Debug, Clone, Copy, Serialize)]
struct TextPosition {
    column: u16,
    length: u16,
}

#[derive(Serialize)]
struct LocatedExplanation<'a> {
    #[serde(flatten)]
    explanation: &'a ProblemExplanation,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<TextPosition>,
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    error: LocatedExplanation<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [RuleFinding],
}

impl HttpProblem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            explanation: ProblemExplanation {
                code,
                message: message.into(),
                help: None,
            },
            position: None,
            findings: Box::default(),
            retry_after_seconds: None,
            allow: None,
        }
    }

    /// The request is malformed or contradicts itself.
    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The text of a search cannot be read.
    fn bad_search(error: InvalidSearch) -> Self {
        let position = TextPosition {
            column: u16::try_from(error.column()).unwrap_or(u16::MAX),
            length: u16::try_from(error.width()).unwrap_or(u16::MAX),
        };
        let mut problem = Self::bad_request("bad_search", error.message);
        problem.explanation.help = error.help;
        problem.position = Some(position);
        problem
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.explanation.help = Some(help.into());
        self
    }

    /// Adds what is wrong with rules, one by one.
    pub(crate) fn with_findings(mut self, findings: Vec<RuleFinding>) -> Self {
        self.findings = findings.into();
        self
    }

    /// Adds when to try again.
    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// Adds the methods that are allowed.
    pub(crate) fn with_methods(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Under which reason a refused input is counted, if it is one.
    pub(crate) fn rejection_reason(&self) -> Option<RejectionReason> {
        (self.status == StatusCode::PAYLOAD_TOO_LARGE).then_some(RejectionReason::TooLarge)
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.explanation.code
    }
}

impl From<ParameterError> for HttpProblem {
    fn from(error: ParameterError) -> Self {
        let message = error.to_string();
        match error {
            ParameterError::Unknown { known, .. } if known.is_empty() => {
                Self::bad_request("unknown_parameter", message)
                    .with_help("this endpoint takes no parameters")
            }
            ParameterError::Unknown { known, .. } => {
                let help = format!("the parameters here are {}", known.join(", "));
                Self::bad_request("unknown_parameter", message).with_help(help)
            }
            ParameterError::Value { .. } => Self::bad_request("bad_parameter", message),
            ParameterError::Search { error, .. } => Self::bad_search(error),
        }
    }
}

impl fmt::Display for HttpProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explanation.message)
    }
}

impl ResponseError for HttpProblem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        if let Some(methods) = self.allow {
            response.insert_header((header::ALLOW, methods));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            response.insert_header((header::UPGRADE, "websocket"));
        }
        response.json(ProblemBody {
            error: LocatedExplanation {
                explanation: &self.explanation,
                position: self.position,
            },
            findings: &self.findings,
        })
    }
}
