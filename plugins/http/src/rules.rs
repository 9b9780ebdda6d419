//! `GET /v1/rules` and `POST /v1/rules/reload`: the rules in force, and others.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use larum_engine::{Finding, ReloadError};

use crate::door::Door;
use crate::problem::Problem;

/// The rules in force.
pub(crate) async fn rules(door: web::Data<Door>) -> HttpResponse {
    HttpResponse::Ok().json(door.engine.rules())
}

/// Reads the rules again. 200 tells what changed; anything else, that nothing did.
pub(crate) async fn reload(door: web::Data<Door>) -> HttpResponse {
    match door.engine.reload_rules().await {
        Ok(changed) => HttpResponse::Ok().json(changed),
        Err(failure) => refused(&failure).error_response(),
    }
}

fn refused(failure: &ReloadError) -> Problem {
    let words = failure.to_string();
    let unavailable =
        |code| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, words.clone()).retry_after(1);
    match failure {
        ReloadError::NoPlace => Problem::new(StatusCode::CONFLICT, "no_rules_folder", words)
            .help("start the engine with --rules"),
        ReloadError::Unreadable { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "rules_unreadable", words)
        }
        ReloadError::Rules(findings) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "rules_refused", words)
                .help("the rules before stay in force; `larum rules check` shows the places")
                .findings(findings.iter().map(Finding::from).collect())
        }
        ReloadError::Log { .. } => unavailable("log_failed"),
        ReloadError::Stopping => unavailable("stopping"),
    }
}
