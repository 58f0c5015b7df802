//! What a message means for the count: its kind, its sender and time, and its items.

use sha1::{Digest as _, Sha1};

use super::refusal::shown;
use super::signature::hex;
use super::tree::Node;
use super::{Opened, Refusal};

/// Where XML has its `List` and JSON may have the items themselves. Any of them for any event: an official page shows
/// the change event under the popup's name (`wechat-api.md` section 6).
const PARENTS: [&str; 6] = [
    "SubscribeMsgPopupEvent",
    "SubscribeMsgChangeEvent",
    "SubscribeMsgSentEvent",
    "subscribe_msg_popup_event",
    "subscribe_msg_change_event",
    "subscribe_msg_sent_event",
];
/// The longest openid or template id; WeChat's have 28 and 43 characters.
const MAX_ID: usize = 128;
/// The most items of one event; an account has 50 templates.
const MAX_ITEMS: usize = 64;
/// The longest `ErrorStatus` that is kept, in characters.
const MAX_STATUS: usize = 256;
/// The last second of the year 9999: later times cannot be meant, and would overflow when they are reckoned with.
const MAX_TIME_S: i64 = 253_402_300_799;

/// A subscribe event of one player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The player (`FromUserName`).
    pub from_openid: String,
    /// When the player, or WeChat, acted (`CreateTime`), in Unix seconds.
    pub create_time_s: i64,
    /// What changed, in the message's own order.
    pub changes: Vec<Change>,
    /// For the log: items that were left out because they were not understood, and why. No secrets.
    pub notes: Vec<String>,
}

/// One item of an event (`wechat-api.md` section 6).
///
/// A `template_id` may also be a system type (`SYS_MSG_TYPE_…`, section 1), which has no count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The player answered a dialog (`subscribe_msg_popup_event`): the same act that the game client reports.
    Popup {
        /// Which message.
        template_id: String,
        /// Every word that begins with `accept`; otherwise the word was `reject`.
        accepted: bool,
        /// `PopupScene`: where the dialog was shown; 0 is inside the game.
        scene: Option<String>,
    },
    /// The player changed the settings (`subscribe_msg_change_event`). It is a state: `accept` here grants nothing.
    Changed {
        /// Which message.
        template_id: String,
        /// Turned off, which is all that WeChat is known to push.
        rejected: bool,
    },
    /// What became of a send (`subscribe_msg_sent_event`).
    Sent {
        /// Which message.
        template_id: String,
        /// WeChat's id of the send, as its answer had it.
        msgid: Option<i64>,
        /// 0: delivered; otherwise one of WeChat's error codes, such as 43101.
        error_code: i32,
        /// WeChat's word for it, such as `success`; may be empty.
        error_status: String,
    },
}

impl Event {
    /// The identity of `change`, which must be one of this event's: 40 hex digits.
    ///
    /// Subscribe events carry no id; they are the same if sender, CreateTime, event and content are
    /// (`wechat-api.md` section 6). So a re-push has the same identity whatever its format, mode, nonce or encryption.
    /// The store keeps it: its making is part of the store's format and does not change.
    #[must_use]
    pub fn identity(&self, change: &Change) -> String {
        let mut hash = Sha1::new();
        let mut add = |part: &str| {
            // With its length before it, no two lists of parts come out as the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(&self.from_openid);
        add(&self.create_time_s.to_string());
        match change {
            Change::Popup { template_id, accepted, scene } => {
                add("popup");
                add(template_id);
                add(if *accepted { "accept" } else { "reject" });
                add(scene.as_deref().unwrap_or_default());
            }
            Change::Changed { template_id, rejected } => {
                add("change");
                add(template_id);
                add(if *rejected { "reject" } else { "accept" });
            }
            Change::Sent { template_id, msgid, error_code, error_status } => {
                add("sent");
                add(template_id);
                add(&msgid.unwrap_or_default().to_string());
                add(&error_code.to_string());
                add(error_status);
            }
        }
        hex(&hash.finalize())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Popup,
    Change,
    Sent,
}

/// Reads a verified message.
pub(super) fn read(message: &Node) -> Result<Opened, Refusal> {
    let text_of = |name| message.text_of(name).map_err(Refusal::Unreadable);
    if text_of("MsgType")?.is_some_and(|word| word != "event") {
        return Ok(Opened::Other);
    }
    let kind = match text_of("Event")? {
        Some("subscribe_msg_popup_event") => Kind::Popup,
        Some("subscribe_msg_change_event") => Kind::Change,
        Some("subscribe_msg_sent_event") => Kind::Sent,
        Some("user_authorization_revoke" | "user_authorization_cancellation") => return Ok(revoked(message)),
        _ => return Ok(Opened::Other),
    };
    let mut event = Event {
        from_openid: id(message, "FromUserName").map_err(Refusal::Unreadable)?,
        create_time_s: time_s(text_of("CreateTime")?)?,
        changes: Vec::new(),
        notes: Vec::new(),
    };
    let items = items(message);
    if items.len() > MAX_ITEMS {
        let why = format!("it has {} items, at most {MAX_ITEMS} are taken", items.len());
        return Err(Refusal::Unreadable(why));
    }
    if items.is_empty() {
        event.notes.push("the event has no items".to_owned());
    }
    for (index, item) in items.into_iter().enumerate() {
        match change(kind, item) {
            Ok(change) => event.changes.push(change),
            Err(why) => event.notes.push(format!("item {} left out: {why}", index + 1)),
        }
    }
    Ok(Opened::Event(event))
}

/// One that does not say whom it is about is the host's alone.
fn revoked(message: &Node) -> Opened {
    let create_time_s = message.text_of("CreateTime").ok().and_then(|text| time_s(text).ok());
    id(message, "OpenID").map_or(Opened::Other, |openid| Opened::Revoked { openid, create_time_s })
}

/// The items: `List` at the top (JSON), `List` under the event's name (XML), or the event's name itself (JSON).
fn items(message: &Node) -> Vec<&Node> {
    let mut items: Vec<&Node> = message.all("List").collect();
    for parent in PARENTS.iter().flat_map(|name| message.all(name)) {
        if parent.has("List") {
            items.extend(parent.all("List"));
        } else {
            items.push(parent);
        }
    }
    items
}

/// One item; the error says in words what is odd about it.
fn change(kind: Kind, item: &Node) -> Result<Change, String> {
    let template_id = id(item, "TemplateId")?;
    Ok(match kind {
        Kind::Popup => Change::Popup {
            template_id,
            accepted: accepts(item)?,
            scene: item.text_of("PopupScene")?.map(str::to_owned),
        },
        Kind::Change => Change::Changed { template_id, rejected: !accepts(item)? },
        Kind::Sent => Change::Sent {
            template_id,
            // The result struct's 0 means none, and so does an absent one.
            msgid: number(item, "MsgID")?.filter(|&id| id != 0),
            error_code: number(item, "ErrorCode")?.ok_or("ErrorCode is missing")?,
            error_status: item.text_of("ErrorStatus")?.unwrap_or_default().chars().take(MAX_STATUS).collect(),
        },
    })
}

fn accepts(item: &Node) -> Result<bool, String> {
    match item.text_of("SubscribeStatusString")? {
        Some(word) if word.starts_with("accept") => Ok(true),
        Some("reject") => Ok(false),
        Some(word) => Err(format!("SubscribeStatusString is {:?}", shown(word))),
        None => Err("SubscribeStatusString is missing".to_owned()),
    }
}

/// An openid or template id: printable ASCII of a sane length.
fn id(node: &Node, name: &str) -> Result<String, String> {
    let text = node.text_of(name)?.ok_or_else(|| format!("{name} is missing"))?;
    if text.len() <= MAX_ID && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(format!("{name} is {:?}", shown(text)))
    }
}

fn number<T: std::str::FromStr>(item: &Node, name: &str) -> Result<Option<T>, String> {
    item.text_of(name)?.map(|text| text.parse().map_err(|_| format!("{name} is {:?}", shown(text)))).transpose()
}

fn time_s(text: Option<&str>) -> Result<i64, Refusal> {
    text.and_then(|text| text.parse().ok())
        .filter(|time_s| (1..=MAX_TIME_S).contains(time_s))
        .ok_or_else(|| Refusal::Unreadable("CreateTime is not Unix seconds".to_owned()))
}
