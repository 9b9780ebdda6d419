//! `GET /v1/rules` and `POST /v1/rules/reload`: the rules in force, and others.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use larum_engine::{ReloadError, RuleFinding};

use crate::door::DoorState;
use crate::problem::HttpProblem;

/// The rules in force.
pub(crate) async fn get_rules(door: web::Data<DoorState>) -> HttpResponse {
    HttpResponse::Ok().json(door.engine.rules_in_force())
}

/// Reads the rules again. 200 says what changed; any other status means that nothing did.
pub(crate) async fn reload_rules(door: web::Data<DoorState>) -> HttpResponse {
    match door.engine.reload_rules().await {
        Ok(changed) => HttpResponse::Ok().json(changed),
        Err(failure) => reload_problem(&failure).error_response(),
    }
}

fn reload_problem(failure: &ReloadError) -> HttpProblem {
    let words = failure.to_string();
    let unavailable = |code| {
        HttpProblem::new(StatusCode::SERVICE_UNAVAILABLE, code, words.clone()).with_retry_after(1)
    };
    match failure {
        ReloadError::NoSource => HttpProblem::new(StatusCode::CONFLICT, "no_rules_folder", words)
            .with_help("start the engine with --rules"),
        ReloadError::Unreadable { .. } => {
            HttpProblem::new(StatusCode::UNPROCESSABLE_ENTITY, "rules_unreadable", words)
        }
        ReloadError::Rules(findings) => {
            HttpProblem::new(StatusCode::UNPROCESSABLE_ENTITY, "rules_refused", words)
                .with_help("the rules before stay in force; `larum rules check` shows the places")
                .with_findings(findings.iter().map(RuleFinding::from).collect())
        }
        ReloadError::Log { .. } => unavailable("log_failed"),
        ReloadError::Stopping => unavailable("stopping"),
    }
}
