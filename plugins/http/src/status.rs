//! How the engine is: for probes, dashboards and people.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::door::DoorState;
use crate::problem::ProblemExplanation;

/// `GET /livez`: the process answers.
pub(crate) async fn get_livez() -> HttpResponse {
    #[derive(Serialize)]
    struct LivezAnswer {
        live: bool,
    }
    HttpResponse::Ok().json(LivezAnswer { live: true })
}

/// `GET /readyz`: whether the engine takes events.
pub(crate) async fn get_readyz(door: web::Data<DoorState>) -> HttpResponse {
    #[derive(Serialize)]
    struct ReadyzAnswer {
        ready: bool,
        problems: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ProblemExplanation>,
    }
    let health = door.engine.health();
    let error = (!health.ready).then(|| ProblemExplanation {
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
    HttpResponse::build(status).json(ReadyzAnswer {
        ready: health.ready,
        problems: health.problems,
        error,
    })
}

/// `GET /v1/health`: all that is known of how it is.
pub(crate) async fn get_health(door: web::Data<DoorState>) -> HttpResponse {
    HttpResponse::Ok().json(door.engine.health())
}

/// `GET /v1/actors`: every actor, its state and restarts.
pub(crate) async fn get_actors(door: web::Data<DoorState>) -> HttpResponse {
    #[derive(Serialize)]
    struct ActorsAnswer<T> {
        actors: T,
    }
    HttpResponse::Ok().json(ActorsAnswer {
        actors: door.engine.actors(),
    })
}

/// `GET /v1/connections`: who listens to the stream.
pub(crate) async fn get_connections(door: web::Data<DoorState>) -> HttpResponse {
    HttpResponse::Ok().json(door.listeners.snapshot())
}
