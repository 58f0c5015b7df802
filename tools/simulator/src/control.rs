//! The control endpoints under `/sim`, for tests in other languages: JSON in, JSON out, GET to read and POST to change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::login::LoginCode;
use crate::players::Choice;
use crate::push::{self, Push};
use crate::shared::Shared;
use crate::templates::Template;
use crate::tokens::TokenKind;

const HELP: &str = include_str!("control.txt");

/// Status, content type and body.
pub(crate) type ControlReply = (StatusCode, &'static str, String);

pub(crate) async fn serve(shared: &Arc<Shared>, method: &Method, uri: &Uri, body: &[u8]) -> ControlReply {
    let path = uri.path().strip_prefix("/sim").unwrap_or_default().trim_matches('/');
    match (method.as_str(), path) {
        ("GET", "") => return (StatusCode::OK, "text/plain; charset=utf-8", HELP.to_owned()),
        ("GET", "ca") => {
            let pem = shared.tls.as_ref().map(|tls| tls.ca_pem.clone());
            return (StatusCode::OK, "application/x-pem-file", pem.unwrap_or_default());
        }
        _ => {}
    }
    let done = match method.as_str() {
        "GET" => read(shared, path, uri.query().unwrap_or_default()),
        "POST" => match path {
            "push" => push_event(shared, body).await,
            "connections/drop" => drop_connections(shared).await,
            "offline" => go_offline(shared, body).await,
            _ => change(shared, path, body),
        },
        "DELETE" if path == "faults" => change(shared, "faults/clear", body),
        _ => None,
    };
    let json_type = "application/json";
    match done {
        Some(Ok(value)) => (StatusCode::OK, json_type, value.to_string()),
        Some(Err(error)) => (StatusCode::BAD_REQUEST, json_type, json!({ "error": error }).to_string()),
        None => {
            let error = format!("no such control: {method} {}; GET /sim lists them", uri.path());
            (StatusCode::NOT_FOUND, json_type, json!({ "error": error }).to_string())
        }
    }
}

type Done = Option<Result<Value, String>>;

fn read(shared: &Shared, path: &str, query: &str) -> Done {
    let param =
        |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == name).map(|(_, v)| v.into_owned());
    let (openid, template_id) = (param("openid"), param("template_id"));
    let wanted = |filter: &Option<String>, value: Option<&str>| filter.is_none() || filter.as_deref() == value;
    let mut world = shared.world.lock();
    let value = match path {
        "remaining" => match (openid, template_id) {
            (Some(o), Some(t)) => json!({ "remaining": world.players.remaining(&o, &t) }),
            _ => {
                return Some(Err("openid and template_id are needed in the query".to_owned()));
            }
        },
        "player" => match openid {
            Some(openid) => json!(world.players.view(&openid)),
            None => return Some(Err("openid is needed in the query".to_owned())),
        },
        "players" => json!(world.players.all()),
        "deliveries" => world
            .records
            .deliveries()
            .filter(|d| wanted(&openid, Some(&d.openid)) && wanted(&template_id, Some(&d.template_id)))
            .map(|d| json!(**d))
            .collect(),
        "requests" => {
            let endpoint = match param("endpoint").map(|name| Endpoint::by_name(&name).ok_or(name)).transpose() {
                Ok(endpoint) => endpoint,
                Err(name) => return Some(Err(format!("no endpoint {name:?}"))),
            };
            world
                .records
                .requests()
                .filter(|r| endpoint.is_none_or(|e| e == r.endpoint))
                .filter(|r| wanted(&openid, r.openid.as_deref()) && wanted(&template_id, r.template_id.as_deref()))
                .map(|r| json!(r))
                .collect()
        }
        "counters" => json!(world.counters),
        "faults" => json!(world.faults.list()),
        "templates" => json!(world.templates.list()),
        "token" => {
            let current = |kind| world.tokens.current(kind).map(str::to_owned);
            json!({ "stable": current(TokenKind::Stable), "legacy": current(TokenKind::Legacy) })
        }
        "verification" => match (param("token"), param("echostr")) {
            (Some(token), Some(echostr)) => {
                json!({ "query": push::verification_query(&token, &echostr) })
            }
            _ => return Some(Err("token and echostr are needed in the query".to_owned())),
        },
        "account" => {
            json!({
                "appid": world.appid, "secret": world.secret, "now_ms": world.clock.unix_ms(),
                "any_template": world.templates.takes_any(),
            })
        }
        _ => return None,
    };
    Some(Ok(value))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    openid: String,
    template_id: String,
    #[serde(default = "one")]
    n: u64,
}

fn one() -> u64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refuse {
    openid: String,
    template_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    openid: String,
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    openid: String,
    answers: BTreeMap<String, Choice>,
    #[serde(default)]
    keep: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    openid: String,
    id: String,
    choice: Option<Choice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Foreign {
    openid: String,
    #[serde(default = "yes")]
    foreign: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyTemplate {
    any: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateId {
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TokenSettings {
    kill: Option<TokenKind>,
    sticky_dead: Option<bool>,
    lifetime_s: Option<f64>,
    overlap_s: Option<f64>,
    force_spacing_s: Option<f64>,
    force_daily: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    send_ms: Option<u64>,
    token_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offline {
    ms: u64,
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|e| e.to_string())
}

/// One or a list of them.
fn parse_list<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, String> {
    let list = match parse(body)? {
        Value::Array(list) => list,
        one => vec![one],
    };
    list.into_iter().map(|one| serde_json::from_value(one).map_err(|e| e.to_string())).collect()
}

fn seconds(s: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(s).map_err(|e| e.to_string())
}

fn change(shared: &Shared, path: &str, body: &[u8]) -> Done {
    let done = match path {
        "grant" => parse(body)
            .map(|g: Grant| json!({ "remaining": shared.world.lock().players.grant(&g.openid, &g.template_id, g.n) })),
        "refuse" => parse(body).map(|r: Refuse| {
            shared.world.lock().players.set(&r.openid, &r.template_id, 0);
            json!({ "remaining": 0 })
        }),
        "main_switch" => parse(body).map(|s: Switch| {
            shared.world.lock().players.main_switch(&s.openid, s.on);
            ok()
        }),
        "answer" => parse(body).map(|a: Answers| {
            let players = &mut shared.world.lock().players;
            a.answers.iter().for_each(|(id, choice)| players.answer(&a.openid, id, *choice, a.keep));
            ok()
        }),
        "setting" => parse(body).map(|s: Setting| {
            shared.world.lock().players.keep(&s.openid, &s.id, s.choice);
            ok()
        }),
        "foreign" => parse(body).map(|f: Foreign| {
            shared.world.lock().players.get(&f.openid).foreign = f.foreign;
            ok()
        }),
        "codes" => parse_list(body).map(|codes: Vec<LoginCode>| {
            let mut world = shared.world.lock();
            codes.into_iter().for_each(|code| world.codes.register(code));
            ok()
        }),
        "templates" => Template::list_from_json(body).map(|templates| {
            let mut world = shared.world.lock();
            templates.into_iter().for_each(|t| world.templates.add(t));
            ok()
        }),
        "templates/remove" => {
            parse(body).map(|t: TemplateId| json!({ "removed": shared.world.lock().templates.remove(&t.id) }))
        }
        "templates/any" => parse(body).map(|a: AnyTemplate| {
            shared.world.lock().templates.any = Some(a.any);
            ok()
        }),
        "token" => parse(body).and_then(|settings| set_tokens(shared, &settings)),
        "secret" => parse(body).map(|s: Secret| {
            shared.world.lock().secret = s.secret;
            ok()
        }),
        "latency" => parse(body).map(|l: Latency| {
            let mut world = shared.world.lock();
            world.send_latency = l.send_ms.map_or(world.send_latency, Duration::from_millis);
            world.token_latency = l.token_ms.map_or(world.token_latency, Duration::from_millis);
            ok()
        }),
        "advance" => parse(body).and_then(|a: Advance| {
            shared.world.lock().clock.advance(seconds(a.seconds)?);
            Ok(ok())
        }),
        "faults" => parse_list(body).and_then(|faults: Vec<Map<String, Value>>| {
            let faults = faults.into_iter().map(Fault::from_json);
            let faults = faults.collect::<Result<Vec<_>, _>>()?;
            let mut world = shared.world.lock();
            faults.into_iter().for_each(|fault| world.faults.arm(fault));
            Ok(json!({ "armed": world.faults.list().len() }))
        }),
        "faults/clear" => {
            shared.world.lock().faults.clear();
            Ok(ok())
        }
        "reset" => {
            shared.world.lock().reset();
            Ok(ok())
        }
        _ => return None,
    };
    Some(done)
}

fn ok() -> Value {
    json!({ "ok": true })
}

fn set_tokens(shared: &Shared, settings: &TokenSettings) -> Result<Value, String> {
    let [lifetime, overlap, spacing] =
        [settings.lifetime_s, settings.overlap_s, settings.force_spacing_s].map(|s| s.map(seconds).transpose());
    let (lifetime, overlap, spacing) = (lifetime?, overlap?, spacing?);
    let mut world = shared.world.lock();
    let now = world.clock.now();
    let tokens = &mut world.tokens;
    tokens.lifetime = lifetime.unwrap_or(tokens.lifetime);
    tokens.overlap = overlap.or(tokens.overlap);
    tokens.force_spacing = spacing.unwrap_or(tokens.force_spacing);
    tokens.force_daily = settings.force_daily.unwrap_or(tokens.force_daily);
    tokens.sticky_dead = settings.sticky_dead.unwrap_or(tokens.sticky_dead);
    let killed = settings.kill.and_then(|kind| tokens.kill(kind, now));
    Ok(json!({ "killed": killed }))
}

/// Answers when all are closed.
async fn drop_connections(shared: &Shared) -> Done {
    let dropped = shared.drop_connections();
    for _ in 0..2000 {
        if shared.are_closed(&dropped) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Some(Ok(ok()))
}

async fn go_offline(shared: &Arc<Shared>, body: &[u8]) -> Done {
    let offline: Offline = match parse(body) {
        Ok(offline) => offline,
        Err(e) => return Some(Err(e)),
    };
    shared.offline.send_replace(true);
    let later = shared.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(offline.ms)).await;
        later.offline.send_replace(false);
    });
    drop_connections(shared).await
}

/// A push, and where it goes; without `url` the request is only built.
async fn push_event(shared: &Shared, body: &[u8]) -> Done {
    let built = parse(body).and_then(|mut json: Map<String, Value>| {
        let url = json.remove("url");
        let push: Push = serde_json::from_value(json.into()).map_err(|e| format!("push: {e}"))?;
        Ok((push::build(shared, &push)?, url))
    });
    let (pushed, url) = match built {
        Ok(built) => built,
        Err(error) => return Some(Err(error)),
    };
    let Some(url) = url else {
        return Some(Ok(json!(pushed)));
    };
    let report = push::deliver(&pushed, url.as_str().unwrap_or_default()).await;
    Some(report.map(|report| json!({ "pushed": pushed, "report": report })))
}
