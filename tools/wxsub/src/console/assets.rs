//! The page's files, in the program.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

macro_rules! asset {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/console/", $name)))
    };
    ($name:literal, $path:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/console/", $path)))
    };
}

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/console/index.html"));

const ASSETS: &[(&str, &str)] = &[
    asset!("console.css"),
    asset!("parts.css"),
    asset!("main.js"),
    asset!("api.js"),
    asset!("dom.js"),
    asset!("text.js"),
    asset!("why.js"),
    asset!("chart.js"),
    asset!("health.js"),
    asset!("funnel.js"),
    asset!("players.js"),
    asset!("player.js"),
    asset!("outbox.js"),
    asset!("campaigns.js"),
    asset!("audit.js"),
    // Drawn with uPlot; tests/console/vendor.test.mjs compares these files with npm's.
    asset!("uPlot.js", "vendor/uPlot.iife.min.js"),
    asset!("uPlot.css", "vendor/uPlot.min.css"),
];

/// The page itself.
pub async fn page() -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response()
}

/// One of its files.
pub async fn asset(Path(name): Path<String>) -> Response {
    let Some((name, text)) = ASSETS.iter().find(|(known, _)| *known == name) else { return missing().await };
    let kind = if name.ends_with(".css") { "text/css; charset=utf-8" } else { "text/javascript; charset=utf-8" };
    ([(CONTENT_TYPE, kind)], *text).into_response()
}

/// There is nothing else.
pub async fn missing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
