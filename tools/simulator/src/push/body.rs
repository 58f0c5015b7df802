use std::io::Write;

use quick_xml::Writer;
use quick_xml::events::{BytesCData, BytesText, Event};
use serde_json::{Map, Value};

use super::{EventItem, EventKind, Format, ListName, Push};

/// A pushed body: the message, its encrypted form, or both.
pub(super) struct Message<'a> {
    push: &'a Push,
    create_time: i64,
    pub plain: bool,
    pub encrypted: Option<String>,
}

/// A text or a number of a body.
enum Field {
    Text(String),
    Number(i64),
}

impl<'a> Message<'a> {
    pub(super) fn new(push: &'a Push, create_time: i64) -> Self {
        Self { push, create_time, plain: true, encrypted: None }
    }

    pub(super) fn render(&self) -> String {
        match self.push.format {
            _ if self.plain && self.push.message.is_some() => self.push.message.clone().unwrap_or_default(),
            Format::Xml => self.xml(),
            Format::Json => self.json().to_string(),
        }
    }

    fn to_user(&self) -> Field {
        Field::Text(self.push.to_user.clone().unwrap_or_else(|| "gh_simulator".to_owned()))
    }

    fn head(&self) -> Vec<(&'static str, Field)> {
        let event = match self.push.event {
            EventKind::Popup => "subscribe_msg_popup_event",
            EventKind::Change => "subscribe_msg_change_event",
            EventKind::Sent => "subscribe_msg_sent_event",
        };
        vec![
            ("FromUserName", Field::Text(self.push.openid.clone())),
            ("CreateTime", Field::Number(self.create_time)),
            ("MsgType", Field::Text("event".to_owned())),
            ("Event", Field::Text(event.to_owned())),
        ]
    }

    fn container(&self) -> &'static str {
        match self.push.event {
            _ if self.push.list_name == ListName::AlwaysPopup => "SubscribeMsgPopupEvent",
            EventKind::Popup => "SubscribeMsgPopupEvent",
            EventKind::Change => "SubscribeMsgChangeEvent",
            EventKind::Sent => "SubscribeMsgSentEvent",
        }
    }

    fn item(&self, item: &EventItem) -> Vec<(&'static str, Field)> {
        let mut fields = vec![("TemplateId", Field::Text(item.template_id.clone()))];
        match self.push.event {
            EventKind::Popup => {
                fields.push(("SubscribeStatusString", Field::Text(item.status.clone())));
                fields.push(("PopupScene", Field::Number(item.popup_scene)));
            }
            EventKind::Change => fields.push(("SubscribeStatusString", Field::Text(item.status.clone()))),
            EventKind::Sent => {
                let status = match item.error_status.as_str() {
                    "" if item.error_code == 0 => "success",
                    "" => "failed",
                    given => given,
                };
                fields.push(("MsgID", Field::Number(item.msg_id)));
                fields.push(("ErrorCode", Field::Number(item.error_code)));
                fields.push(("ErrorStatus", Field::Text(status.to_owned())));
            }
        }
        fields
    }

    fn json(&self) -> Value {
        let value = |field: Field| match field {
            Field::Text(text) => Value::from(text),
            Field::Number(n) if self.push.numbers_as_strings => Value::from(n.to_string()),
            Field::Number(n) => Value::from(n),
        };
        let object = |fields: Vec<(&'static str, Field)>| -> Map<String, Value> {
            fields.into_iter().map(|(name, field)| (name.to_owned(), value(field))).collect()
        };
        let mut body = object(vec![("ToUserName", self.to_user())]);
        if self.plain {
            body.extend(object(self.head()));
            let mut items: Vec<Value> = self.push.items.iter().map(|i| object(self.item(i)).into()).collect();
            // Section 6: an object when there is one item, an array when several.
            let list = if items.len() == 1 { items.remove(0) } else { items.into() };
            let name = if self.push.list_name == ListName::List { "List" } else { self.container() };
            body.insert(name.to_owned(), list);
        }
        if let Some(encrypted) = &self.encrypted {
            body.insert("Encrypt".to_owned(), encrypted.clone().into());
        }
        body.into()
    }

    fn xml(&self) -> String {
        let mut writer = Writer::new(Vec::new());
        let written = writer.create_element("xml").write_inner_content(|w| {
            fields(w, vec![("ToUserName", self.to_user())])?;
            if self.plain {
                fields(w, self.head())?;
                w.create_element(self.container()).write_inner_content(|w| {
                    for item in &self.push.items {
                        w.create_element("List").write_inner_content(|w| fields(w, self.item(item)))?;
                    }
                    Ok(())
                })?;
            }
            match &self.encrypted {
                Some(encrypted) => fields(w, vec![("Encrypt", Field::Text(encrypted.clone()))]),
                None => Ok(()),
            }
        });
        debug_assert!(written.is_ok(), "writing to memory does not fail");
        String::from_utf8_lossy(&writer.into_inner()).into_owned()
    }
}

fn fields<W: Write>(writer: &mut Writer<W>, fields: Vec<(&'static str, Field)>) -> std::io::Result<()> {
    for (name, field) in fields {
        let element = writer.create_element(name);
        match field {
            Field::Number(n) => element.write_text_content(BytesText::new(&n.to_string()))?,
            Field::Text(text) => element.write_inner_content(|w| {
                BytesCData::escaped(&text).try_for_each(|part| w.write_event(Event::CData(part)))
            })?,
        };
    }
    Ok(())
}
