//! Events that WeChat pushes to the game's own HTTP endpoint (wechat-api.md, section 6).

mod body;
mod crypt;
mod deliver;

use serde::{Deserialize, Serialize};

pub(crate) use deliver::deliver;
pub use deliver::{PushReport, PushTry};

use crate::shared::Shared;

/// Which event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// `subscribe_msg_popup_event`: the player answered a dialog.
    #[default]
    Popup,
    /// `subscribe_msg_change_event`: the player turned it off in the settings.
    Change,
    /// `subscribe_msg_sent_event`: what became of a send.
    Sent,
}

/// The format set in WeChat's console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// XML.
    #[default]
    Xml,
    /// JSON.
    Json,
}

/// The mode set in WeChat's console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not encrypted.
    #[default]
    Plain,
    /// Both plain and encrypted.
    Mixed,
    /// Encrypted only.
    Secure,
}

/// The name of the list in the body; official pages differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListName {
    /// XML: `SubscribeMsg…Event` around `List`. JSON: `List`.
    #[default]
    List,
    /// JSON: the event's own name, `SubscribeMsg…Event`. XML: as `List`.
    Event,
    /// `SubscribeMsgPopupEvent` whatever the event is, as one official page shows the change event.
    AlwaysPopup,
}

/// One item of an event. Only the fields of its kind go out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventItem {
    /// `TemplateId`.
    pub template_id: String,
    /// `SubscribeStatusString`: `accept` or `reject` (popup, change).
    pub status: String,
    /// `PopupScene` (popup).
    pub popup_scene: i64,
    /// `MsgID` (sent).
    pub msg_id: i64,
    /// `ErrorCode` (sent); 0 is delivered.
    pub error_code: i64,
    /// `ErrorStatus` (sent); `success` or `failed` by the code when empty.
    pub error_status: String,
}

impl EventItem {
    /// An answer to a dialog, or a change in the settings.
    pub fn answer(template_id: &str, status: &str) -> Self {
        Self { template_id: template_id.to_owned(), status: status.to_owned(), ..Self::default() }
    }

    /// What became of a send.
    pub fn sent(template_id: &str, msg_id: i64, error_code: i64) -> Self {
        Self { template_id: template_id.to_owned(), msg_id, error_code, ..Self::default() }
    }
}

/// An event and the way it is pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Push {
    /// Which event.
    pub event: EventKind,
    /// The player: `FromUserName`, and `openid` in the query.
    pub openid: String,
    /// One item or several.
    pub items: Vec<EventItem>,
    /// When it happened, in Unix seconds; now when absent.
    pub create_time: Option<i64>,
    /// `ToUserName`; `gh_simulator` when absent.
    pub to_user: Option<String>,
    /// XML or JSON.
    pub format: Format,
    /// Plain, mixed or secure.
    pub mode: Mode,
    /// How the list is named.
    pub list_name: ListName,
    /// JSON only: `CreateTime` and the other numbers as strings.
    pub numbers_as_strings: bool,
    /// The token of WeChat's console that signs; a wrong one makes a wrong signature.
    pub token: String,
    /// EncodingAESKey, 43 characters; needed for mixed and secure mode.
    pub aes_key: Option<String>,
    /// The appid inside the encrypted body; the account's when absent.
    pub appid: Option<String>,
    /// `timestamp` of the query; the create time when absent.
    pub timestamp: Option<String>,
    /// `nonce` of the query; random when absent.
    pub nonce: Option<String>,
    /// The act happens too: an accept grants one, a reject clears.
    pub apply: bool,
    /// A message of any other kind, as it stands: XML or JSON. Then the event's own fields are not used, and `mode` is
    /// plain or secure.
    pub message: Option<String>,
}

/// The request of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The query string, without `?`.
    pub query: String,
    /// The body.
    pub body: String,
    /// Its content type.
    pub content_type: &'static str,
    /// Whether the endpoint must answer that it delivered: `{"ErrCode":0}`.
    pub wants_delivery: bool,
}

/// Gifts and paid goods: pushed until the endpoint says that they were delivered (section 6).
const GOODS: [&str; 3] =
    ["minigame_deliver_goods", "minigame_h5_goods_deliver_notify", "minigame_game_pay_goods_deliver_notify"];

/// The query of WeChat's check of an address; the endpoint must answer `echostr` itself.
pub fn verification_query(token: &str, echostr: &str) -> String {
    let (timestamp, nonce) = (unix_now().to_string(), random_nonce());
    form_urlencoded::Serializer::new(String::new())
        .append_pair("signature", &crypt::signature(&[token, &timestamp, &nonce]))
        .append_pair("timestamp", &timestamp)
        .append_pair("nonce", &nonce)
        .append_pair("echostr", echostr)
        .finish()
}

pub(crate) fn build(shared: &Shared, push: &Push) -> Result<Pushed, String> {
    if push.message.is_none() && (push.openid.is_empty() || push.items.is_empty()) {
        return Err("push: openid and at least one item are needed".to_owned());
    }
    if push.message.is_some() && push.mode == Mode::Mixed {
        return Err("push: a message goes in plain or secure mode".to_owned());
    }
    let (appid, now_ms) = {
        let mut world = shared.world.lock();
        if push.apply {
            for item in &push.items {
                match item.status.as_str() {
                    "accept" => drop(world.players.grant(&push.openid, &item.template_id, 1)),
                    "reject" => world.players.set(&push.openid, &item.template_id, 0),
                    _ => {}
                }
            }
        }
        (push.appid.clone().unwrap_or_else(|| world.appid.clone()), world.clock.unix_ms())
    };
    let create_time = push.create_time.unwrap_or((now_ms / 1000) as i64);
    let timestamp = push.timestamp.clone().unwrap_or_else(|| create_time.to_string());
    let nonce = push.nonce.clone().unwrap_or_else(random_nonce);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("signature", &crypt::signature(&[&push.token, &timestamp, &nonce]))
        .append_pair("timestamp", &timestamp)
        .append_pair("nonce", &nonce)
        .append_pair("openid", &push.openid);
    let mut message = body::Message::new(push, create_time);
    if push.mode != Mode::Plain {
        let key = push.aes_key.as_deref().ok_or("push: mixed and secure mode need aes_key")?;
        let encrypted = crypt::encrypt(key, message.render().as_bytes(), &appid)?;
        query
            .append_pair("encrypt_type", "aes")
            .append_pair("msg_signature", &crypt::signature(&[&push.token, &timestamp, &nonce, &encrypted]));
        message.encrypted = Some(encrypted);
        message.plain = push.mode == Mode::Mixed;
    }
    Ok(Pushed {
        query: query.finish(),
        body: message.render(),
        content_type: match push.format {
            Format::Xml => "text/xml",
            Format::Json => "application/json",
        },
        wants_delivery: push.message.as_ref().is_some_and(|text| GOODS.iter().any(|event| text.contains(event))),
    })
}

fn random_nonce() -> String {
    fastrand::u32(100_000_000..).to_string()
}

fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
