//! How the engine is: for probes, dashboards and people.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::door::Door;
use crate::problem::Explanation;

/// `GET /livez`: the process answers.
pub(crate) async fn livez() -> HttpResponse {
    #[derive(Serialize)]
    struct Alive {
        live: bool,
    }
    HttpResponse::Ok().json(Alive { live: true })
}

/// `GET /readyz`: whether the engine takes events.
pub(crate) async fn readyz(door: web::Data<Door>) -> HttpResponse {
    #[derive(Serialize)]
    struct Ready {
        ready: bool,
        problems: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Explanation>,
    }
    let health = door.engine.health();
    let error = (!health.ready).then(|| Explanation {
        code: "not_ready",
        message: if health.problems.is_empty() {
            "the engine takes no events now".to_owned()
        } else {
            health.problems.join("; ")
        },
        help: None,
    });
    let status = if health.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    HttpResponse::build(status).json(Ready {
        ready: health.ready,
        problems: health.problems,
        error,
    })
}

/// `GET /v1/health`: all that is known of how it is.
pub(crate) async fn health(door: web::Data<Door>) -> HttpResponse {
    HttpResponse::Ok().json(door.engine.health())
}

/// `GET /v1/actors`: every actor, its state and restarts.
pub(crate) async fn actors(door: web::Data<Door>) -> HttpResponse {
    #[derive(Serialize)]
    struct Actors<T> {
        actors: T,
    }
    HttpResponse::Ok().json(Actors {
        actors: door.engine.actors(),
    })
}

/// `GET /v1/connections`: who listens to the stream.
pub(crate) async fn connections(door: web::Data<Door>) -> HttpResponse {
    HttpResponse::Ok().json(door.listeners.snapshot())
}
