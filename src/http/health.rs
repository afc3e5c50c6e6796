//! For those who watch: is it alive, may it take traffic, its numbers.

use std::future::{Ready, ready};
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::api::Api;
use super::error::ApiError;
use crate::protocol::{ErrorCode, Refusal};

/// A part that does not answer within this counts as failed.
const DEADLINE: Duration = Duration::from_secs(1);

/// The OpenMetrics text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All is well.
#[derive(Serialize, ToSchema)]
pub(super) struct Well {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

const WELL: Well = Well { status: "ok" };

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, body = Well)))]
pub(super) fn alive() -> Ready<web::Json<Well>> {
    ready(web::Json(WELL))
}

/// Whether this node may take traffic; `reason` names the part that fails.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Well)))]
pub(super) async fn ready_for_traffic(api: web::Data<Api>) -> Result<web::Json<Well>, ApiError> {
    if api.is_draining.load(Ordering::Relaxed) {
        return Err(failing("draining", "this node is ending"));
    }
    match tokio::time::timeout(DEADLINE, api.store.ping()).await {
        Ok(Ok(())) if api.rooms.is_cut_off() => {
            Err(failing("bus", "the other nodes cannot be reached"))
        }
        Ok(Ok(())) => Ok(web::Json(WELL)),
        Ok(Err(why)) => {
            tracing::warn!("the store does not answer: {why}");
            Err(failing("store", "the store does not answer"))
        }
        Err(_elapsed) => Err(failing("store", "the store does not answer in time")),
    }
}

fn failing(part: &'static str, msg: &str) -> ApiError {
    let refusal = Refusal::new(ErrorCode::Unavailable, msg).because(part);
    refusal.retry_in(DEADLINE).into()
}

/// The numbers of this node, as OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) fn metrics(api: web::Data<Api>) -> Ready<HttpResponse> {
    let api = api.into_inner();
    (api.weigh)();
    ready(HttpResponse::Ok().content_type(OPEN_METRICS).body(api.metrics.text()))
}
