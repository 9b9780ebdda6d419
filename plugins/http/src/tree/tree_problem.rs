//! Errors of queries about trees and incidents, as clients see them.

use actix_web::http::StatusCode;
use larum_engine::TreeError;
use larum_event::TenantId;

use crate::params::bad_parameter;
use crate::problem::HttpProblem;

/// The error as a client sees it.
pub(crate) fn tree_problem(error: &TreeError, tenant: &TenantId) -> HttpProblem {
    match error {
        TreeError::NotFound { id } => {
            let message = format!("tenant {tenant} has no tree with {id:?} in it");
            HttpProblem::new(StatusCode::NOT_FOUND, "no_such_tree", message).with_help(
                "the id is that of a root, a node, an event or an alert, or an entity such as user:eve; a slash in it is \
                 written %2F; other tenants are named with ?tenant=",
            )
        }
        TreeError::NotInTree { .. } => {
            HttpProblem::new(StatusCode::NOT_FOUND, "not_in_tree", error.to_string())
                .with_help("a path leads to another node of the same tree; GET /v1/trees/{id} shows which there are")
        }
        TreeError::Cursor => bad_parameter("cursor", error),
        TreeError::TooMany { .. } => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            HttpProblem::new(status, "too_many_watches", error.to_string())
                .with_help("close one of them; GET /v1/connections lists them")
                .with_retry_after(1)
        }
        TreeError::Rebuilding => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            HttpProblem::new(status, "not_now", error.to_string()).with_retry_after(1)
        }
        TreeError::Log(cause) => {
            tracing::error!(error = %cause, "query failed");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            HttpProblem::new(status, "query_failed", cause.to_string())
        }
    }
}
