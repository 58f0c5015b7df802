//! `wxsub console`: a page on this machine's loopback that shows the ledger, and with `--write` changes it.

mod api;
mod assets;
mod guard;
mod health;
mod samples;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, body::Body};
use clap::ArgMatches;
use serde_json::{Value, json};
use wxsub::{Client, Status};

use crate::client::open_with;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{Format, print};
use crate::settings::{Role, Settings};
use crate::text::{self, Lang};
use guard::Guard;
use samples::Samples;

/// The longest request of the page.
const MAX_BODY: usize = 64 << 10;

/// What every request may use.
struct Console {
    client: Client,
    settings: Settings,
    guard: Guard,
    samples: Samples,
    write: bool,
}

type Shared = Arc<Console>;

/// Serves the page until it is interrupted.
pub fn run(args: &ArgMatches) -> Result<(), Failure> {
    let settings = Settings::read(args, Role::Observer)?;
    settings.check_store(args.get_flag("create"))?;
    let client = open_with(args, &settings, Role::Observer)?.into_client();
    let port = args.get_one::<u16>("port").copied().unwrap_or(0);
    let failed = |why: std::io::Error| Failure::text(Status::Internal, text::NO_PORT, &[&port, &why]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(failed)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let guard = Guard::new(port).map_err(|why| Failure::new(Status::Internal, why.to_string()))?;
    let url = guard.url();
    let console = Console { client, settings, guard, samples: Samples::default(), write: args.get_flag("write") };
    let console = Arc::new(console);
    samples::start(&console);
    interrupt::now_says(text::CONSOLE_ENDED, 0);
    tell(args, &console, &url)?;
    runtime.block_on(async { axum::serve(listener, router(console)).await }).map_err(failed)
}

fn tell(args: &ArgMatches, console: &Console, url: &str) -> Result<(), Failure> {
    if Format::of(args) == Format::Json {
        return print(&json!({ "url": url, "write": console.write }).to_string());
    }
    let note = if console.write { text::CONSOLE_WRITES } else { text::CONSOLE_READS };
    print(&format!("{url}\n{}", note.get()))
}

fn router(console: Shared) -> Router {
    Router::new()
        .route("/", get(assets::page))
        // The page has its own; a browser asks before it knows.
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/assets/{name}", get(assets::asset))
        .route("/api/about", post(about))
        .route("/api/ask", post(api::ask))
        .route("/api/cancel", post(api::cancel))
        .route("/api/check", post(health::check))
        .route("/api/samples", post(api::samples))
        .fallback(assets::missing)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&console), guarded))
        .with_state(console)
}

/// Nobody gets anything who was not let in, and every answer says what its page may do.
async fn guarded(State(console): State<Shared>, request: Request, next: Next) -> Response<Body> {
    let mut response = match console.guard.admit(request.method(), request.uri(), request.headers()) {
        guard::Admission::Session => next.run(request).await,
        guard::Admission::Exchanged(response) | guard::Admission::Refused(response) => response,
    };
    guard::harden(response.headers_mut());
    response
}

/// What the page is about.
async fn about(State(console): State<Shared>) -> axum::Json<Value> {
    let lang = match text::lang() {
        Lang::En => "en",
        Lang::Zh => "zh",
    };
    axum::Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "appid": console.settings.text("appid"),
        "store": console.settings.text("store").map(crate::settings::shown_store),
        "write": console.write,
        "lang": lang,
    }))
}
