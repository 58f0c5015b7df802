//! Templates from WeChat's answer and from the configuration.

use serde_json::{Map, Value};

use super::fault::excerpt;
use super::{Keyword, Kind, Template, without_data};

/// How much of a foreign key an error text shows.
const MAX_SHOWN_BYTES: usize = 48;

/// The templates of a `gettemplate` answer (section 5).
///
/// Forgiving: an entry without an id is skipped, a field that is missing or odd takes nothing with it, and what
/// remains unread makes the template less strict (see [`Template::complete`]). An unknown `type` is one-time, which
/// all templates of games are.
///
/// `None` if there is no `data` list at all: then nothing is known, which is not the same as no templates.
pub fn parse_answer(answer: &Value) -> Option<Vec<Template>> {
    let entries = answer.get("data")?.as_array()?;
    Some(entries.iter().filter_map(answer_entry).collect())
}

fn answer_entry(entry: &Value) -> Option<Template> {
    let id = entry.get("priTmplId")?.as_str().filter(|id| !id.is_empty())?;
    let text = |key| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let (keys, complete) = placeholders(text("content"));
    let lists = entry.get("keywordEnumValueList").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Some(Template {
        id: id.to_owned(),
        title: text("title").to_owned(),
        kind: entry.get("type").and_then(kind_of).unwrap_or(Kind::OneTime),
        keywords: with_lists(keys, lists.iter().filter_map(answer_list)),
        complete,
    })
}

/// One item of `keywordEnumValueList`: a key and its values. A list that isn't read to its end would refuse too
/// much, so it is no list.
fn answer_list(item: &Value) -> Option<(String, Vec<String>)> {
    let key = key_of(item.get("keywordCode")?.as_str()?)?;
    let values = item.get("enumValueList")?.as_array()?;
    let values = values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>()?;
    Some((key.to_owned(), values))
}

/// The keys in a template's `content`, in order, and whether all of it was read.
fn placeholders(content: &str) -> (Vec<String>, bool) {
    let mut keys: Vec<String> = Vec::new();
    let mut complete = true;
    let mut rest = content;
    while let Some((_, tail)) = rest.split_once("{{") {
        let Some((inside, after)) = tail.split_once("}}") else {
            complete = false;
            break;
        };
        match key_of(inside) {
            Some(key) if keys.iter().any(|known| known == key) => {}
            Some(key) => keys.push(key.to_owned()),
            None => complete = false,
        }
        rest = after;
    }
    let complete = complete && !keys.is_empty();
    (keys, complete)
}

/// A key, given with or without `.DATA`.
fn key_of(text: &str) -> Option<&str> {
    let text = text.trim();
    let key = without_data(text).unwrap_or(text);
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && !key.is_empty()).then_some(key)
}

fn kind_of(value: &Value) -> Option<Kind> {
    match value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())? {
        2 => Some(Kind::OneTime),
        3 => Some(Kind::LongTerm),
        _ => None,
    }
}

/// Keywords with their values. Lists of keys that the template does not have go nowhere, two lists of one key add up.
fn with_lists(keys: Vec<String>, lists: impl Iterator<Item = (String, Vec<String>)>) -> Vec<Keyword> {
    let mut keywords: Vec<Keyword> = keys.into_iter().map(|key| Keyword::new(key, None)).collect();
    for (key, values) in lists.filter(|(_, values)| !values.is_empty()) {
        if let Some(keyword) = keywords.iter_mut().find(|keyword| keyword.key == key) {
            keyword.allowed.get_or_insert_default().extend(values);
        }
    }
    keywords
}

/// The templates of the configuration's `templates`, where that is neither `"auto"` nor `"off"`.
///
/// An entry is either an element of WeChat's `gettemplate` answer as it is (`priTmplId`, `content`, `type`,
/// `keywordEnumValueList`; other keys are left alone), or the short form, in which an unknown key is an error:
///
/// ```json
/// {"id": "TEMPLATE_ID", "type": 2, "keys": ["thing1", "enum_string4"], "enums": {"enum_string4": ["失败", "成功"]}}
/// ```
///
/// `type` is 2 (one-time, and the default) or 3 (long-term); `title` and `enums` are optional.
///
/// # Errors
///
/// The first thing that is wrong, as a text that names the entry and its key: `templates[1].keys: …`.
pub fn parse_config(list: &Value) -> Result<Vec<Template>, String> {
    let entries = list.as_array().ok_or_else(|| wrong("templates", "\"auto\", \"off\" or a list", list))?;
    let mut templates: Vec<Template> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("templates[{index}]");
        let fields = entry.as_object().ok_or_else(|| wrong(&at, "an object", entry))?;
        let entry = Entry { at, fields };
        let template = if entry.get("priTmplId").is_some() { entry.long_form()? } else { entry.short_form()? };
        if let Some(same) = templates.iter().position(|known| known.id == template.id) {
            return Err(format!("{}: the same id as templates[{same}]", entry.at));
        }
        templates.push(template);
    }
    Ok(templates)
}

/// One entry of the configuration, with its place for the errors.
struct Entry<'a> {
    at: String,
    fields: &'a Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    fn text(&self, key: &str) -> Result<&'a str, String> {
        let value = self.get(key).ok_or_else(|| format!("{}: missing", self.at(key)))?;
        value.as_str().filter(|text| !text.is_empty()).ok_or_else(|| wrong(&self.at(key), "a text", value))
    }

    fn title(&self) -> Result<String, String> {
        match self.get("title") {
            Some(title) => title.as_str().map(str::to_owned).ok_or_else(|| wrong(&self.at("title"), "a text", title)),
            None => Ok(String::new()),
        }
    }

    fn kind(&self) -> Result<Kind, String> {
        match self.get("type") {
            Some(kind) => kind_of(kind).ok_or_else(|| wrong(&self.at("type"), "2 (one-time) or 3 (long-term)", kind)),
            None => Ok(Kind::OneTime),
        }
    }

    fn list(&self, key: &str) -> Result<&'a [Value], String> {
        match self.get(key) {
            Some(list) => list.as_array().map(Vec::as_slice).ok_or_else(|| wrong(&self.at(key), "a list", list)),
            None => Ok(&[]),
        }
    }

    fn long_form(&self) -> Result<Template, String> {
        if self.get("id").is_some() {
            return Err(format!("{}: id and priTmplId; one of them is enough", self.at));
        }
        let content = self.text("content")?;
        let (keys, complete) = placeholders(content);
        if !complete {
            let shown = excerpt(content, MAX_SHOWN_BYTES);
            return Err(format!(
                "{}: keywords like {{{{thing1.DATA}}}} are needed, not \"{shown}\"",
                self.at("content")
            ));
        }
        let mut lists = Vec::new();
        for (index, item) in self.list("keywordEnumValueList")?.iter().enumerate() {
            let at = self.at(&format!("keywordEnumValueList[{index}]"));
            let fields = item.as_object().ok_or_else(|| wrong(&at, "an object", item))?;
            let item = Entry { at, fields };
            let key = item.text("keywordCode")?;
            let key = key_of(key).ok_or_else(|| not_a_key(&item.at("keywordCode"), key))?;
            lists.push((key.to_owned(), values(&item.at("enumValueList"), item.get("enumValueList"))?));
        }
        Ok(Template {
            id: self.text("priTmplId")?.to_owned(),
            title: self.title()?,
            kind: self.kind()?,
            keywords: with_lists(keys, lists.into_iter()),
            complete,
        })
    }

    fn short_form(&self) -> Result<Template, String> {
        const KNOWN: [&str; 5] = ["id", "title", "type", "keys", "enums"];
        if let Some(key) = self.fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            let shown = excerpt(key, MAX_SHOWN_BYTES);
            return Err(format!(
                "{}: unknown; known are {}, or WeChat's own with priTmplId",
                self.at(&shown),
                KNOWN.join(", ")
            ));
        }
        let id = self.text("id")?.to_owned();
        let mut keys: Vec<String> = Vec::new();
        for (index, value) in self.list("keys")?.iter().enumerate() {
            let at = self.at(&format!("keys[{index}]"));
            let text = value.as_str().ok_or_else(|| wrong(&at, "a text", value))?;
            let key = key_of(text).ok_or_else(|| not_a_key(&at, text))?;
            if keys.iter().any(|known| known == key) {
                return Err(format!("{at}: {} twice", excerpt(key, MAX_SHOWN_BYTES)));
            }
            keys.push(key.to_owned());
        }
        if keys.is_empty() {
            return Err(format!("{}: at least one key like \"thing1\" is needed", self.at("keys")));
        }
        let mut lists = Vec::new();
        if let Some(enums) = self.get("enums") {
            let fields = enums.as_object().ok_or_else(|| wrong(&self.at("enums"), "an object", enums))?;
            for (name, list) in fields {
                let at = self.at(&format!("enums.{}", excerpt(name, MAX_SHOWN_BYTES)));
                let key = key_of(name).filter(|key| keys.iter().any(|known| known == key));
                let key = key.ok_or_else(|| format!("{at}: not one of {}", self.at("keys")))?;
                lists.push((key.to_owned(), values(&at, Some(list))?));
            }
        }
        let keywords = with_lists(keys, lists.into_iter());
        Ok(Template { id, title: self.title()?, kind: self.kind()?, keywords, complete: true })
    }
}

/// The values of an enumeration: texts, at least one.
fn values(at: &str, list: Option<&Value>) -> Result<Vec<String>, String> {
    let list = list.ok_or_else(|| format!("{at}: missing"))?;
    let items = list.as_array().filter(|items| !items.is_empty()).ok_or_else(|| wrong(at, "a list of values", list))?;
    let text = |(index, value): (usize, &Value)| {
        value.as_str().map(str::to_owned).ok_or_else(|| wrong(&format!("{at}[{index}]"), "a text", value))
    };
    items.iter().enumerate().map(text).collect()
}

fn wrong(at: &str, wanted: &str, found: &Value) -> String {
    let shown = excerpt(&found.to_string(), MAX_SHOWN_BYTES);
    format!("{at}: {wanted} is needed, not {shown}")
}

fn not_a_key(at: &str, text: &str) -> String {
    format!("{at}: \"{}\" is not a key like thing1", excerpt(text, MAX_SHOWN_BYTES))
}
