use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rules;

/// A template of the account, in the shape in which gettemplate lists it (wechat-api.md, section 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Template {
    /// The template id.
    #[serde(alias = "id", alias = "template_id")]
    pub pri_tmpl_id: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// One line a keyword: `会议时间:{{date2.DATA}}`.
    pub content: String,
    /// The same with example values.
    #[serde(default)]
    pub example: String,
    /// 2 = one-time (counted), 3 = long-term (on or off).
    #[serde(rename = "type", default = "one_time")]
    pub kind: u8,
    /// The values that enum keywords may have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyword_enum_value_list: Vec<EnumValues>,
}

/// The values of one enum keyword.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnumValues {
    /// What may be sent.
    pub enum_value_list: Vec<String>,
    /// The keyword; WeChat keeps the `.DATA` here.
    pub keyword_code: String,
}

fn one_time() -> u8 {
    2
}

impl Template {
    /// A one-time template without keywords.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            pri_tmpl_id: id.into(),
            title: title.into(),
            content: String::new(),
            example: String::new(),
            kind: one_time(),
            keyword_enum_value_list: Vec::new(),
        }
    }

    /// One more keyword: `.keyword("物品", "thing1", "屠龙刀")`.
    #[must_use]
    pub fn keyword(mut self, label: &str, key: &str, example: &str) -> Self {
        self.content.push_str(&format!("{label}:{{{{{key}.DATA}}}}\n"));
        self.example.push_str(&format!("{label}:{example}\n"));
        self
    }

    /// The values of an enum keyword.
    #[must_use]
    pub fn choices(mut self, key: &str, values: &[&str]) -> Self {
        self.keyword_enum_value_list.push(EnumValues {
            enum_value_list: values.iter().map(|v| (*v).to_owned()).collect(),
            keyword_code: format!("{key}.DATA"),
        });
        self
    }

    /// A long-term template: one accept is enough for ever.
    #[must_use]
    pub fn long_term(mut self) -> Self {
        self.kind = 3;
        self
    }

    /// Reads one template or a list of them, in gettemplate's shape; its whole answer (`{"data":[…]}`) will do too.
    pub fn list_from_json(text: &[u8]) -> Result<Vec<Self>, String> {
        let mut json: Value = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        if let Some(data) = json.get_mut("data").filter(|d| d.is_array()) {
            json = data.take();
        }
        let list = if let Value::Array(list) = json { list } else { vec![json] };
        list.into_iter().map(|one| serde_json::from_value(one).map_err(|e| format!("template: {e}"))).collect()
    }

    /// The keys in `content`, all of them required.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.content.split("{{").skip(1).filter_map(|rest| rest.split_once(".DATA}}")).map(|(key, _)| key.trim())
    }

    /// Whether sends use grants up.
    pub(crate) fn is_counted(&self) -> bool {
        self.kind != 3
    }

    fn choices_of(&self, key: &str) -> Option<&[String]> {
        let entry = self
            .keyword_enum_value_list
            .iter()
            .find(|e| e.keyword_code.strip_suffix(".DATA").unwrap_or(&e.keyword_code) == key)?;
        Some(&entry.enum_value_list)
    }

    /// The templates that the simulator starts with: ids `sim-stamina`, `sim-activity` and `sim-result`.
    pub fn samples() -> Vec<Self> {
        vec![
            Self::new("sim-stamina", "体力恢复提醒").keyword("温馨提示", "thing1", "体力已满，快来领取").keyword(
                "恢复时间",
                "time2",
                "2024年10月1日 15:01",
            ),
            Self::new("sim-activity", "活动开始提醒")
                .keyword("活动名称", "thing1", "周末双倍掉落")
                .keyword("开始时间", "date2", "2024年10月1日")
                .keyword("奖励数量", "number3", "100"),
            Self::new("sim-result", "对战结果通知")
                .keyword("对手", "name1", "张三")
                .keyword("结果", "enum_string2", "胜利")
                .keyword("单号", "character_string3", "B-20241001-7")
                .choices("enum_string2", &["胜利", "失败", "平局"]),
        ]
    }
}

/// What is wrong with a message's data, in WeChat's words without the rid; `template` when it is registered.
pub(crate) fn complaint(data: &Value, template: Option<&Template>) -> Option<String> {
    let Some(data) = data.as_object() else {
        return Some("argument invalid! data invalid".to_owned());
    };
    let value = |key: &str| data.get(key).and_then(|entry| entry.get("value"));
    let complain = |key: &str, what: &str| {
        let text = format!("argument invalid! data.{key}.value {what}");
        // Section 3: "long ones are cut at 47 or 48 characters".
        Some(text.chars().take(47).collect())
    };
    let check = |key: &str, choices: Option<&[String]>, ruled: bool| match value(key) {
        None => complain(key, "is empty"),
        Some(Value::String(text)) if text.is_empty() => complain(key, "is empty"),
        Some(Value::String(text)) if !ruled || rules::fits(key, text, choices) => None,
        Some(_) => complain(key, "invalid"),
    };
    match template {
        Some(t) => t.keys().find_map(|key| check(key, t.choices_of(key), true)),
        None => data.keys().find_map(|key| check(key, None, false)),
    }
}

/// The account's templates.
pub(crate) struct Templates {
    map: BTreeMap<String, Template>,
    order: Vec<String>,
    /// What was asked for; by default any id is taken until someone registers a template.
    pub any: Option<bool>,
    registered: bool,
}

impl Templates {
    pub(crate) fn new(given: &[Template], any: Option<bool>) -> Self {
        let mut templates = Self { map: BTreeMap::new(), order: Vec::new(), any, registered: false };
        if given.is_empty() {
            Template::samples().into_iter().for_each(|t| templates.put(t));
        } else {
            given.iter().for_each(|t| templates.add(t.clone()));
        }
        templates
    }

    pub(crate) fn add(&mut self, template: Template) {
        self.registered = true;
        self.put(template);
    }

    fn put(&mut self, template: Template) {
        let id = template.pri_tmpl_id.clone();
        if self.map.insert(id.clone(), template).is_none() {
            self.order.push(id);
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.registered = true;
        self.order.retain(|known| known != id);
        self.map.remove(id).is_some()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Template> {
        self.map.get(id)
    }

    pub(crate) fn takes(&self, id: &str) -> bool {
        self.map.contains_key(id) || (!id.is_empty() && self.takes_any())
    }

    /// Whether ids of no template are taken.
    pub(crate) fn takes_any(&self) -> bool {
        self.any.unwrap_or(!self.registered)
    }

    pub(crate) fn list(&self) -> Vec<Template> {
        self.order.iter().filter_map(|id| self.map.get(id)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_come_from_the_content() {
        let samples = Template::samples();
        assert_eq!(samples[2].keys().collect::<Vec<_>>(), ["name1", "enum_string2", "character_string3"]);
    }

    #[test]
    fn examples_of_the_samples_pass_their_own_rules() {
        for template in Template::samples() {
            let values: Vec<&str> = template.example.lines().map(|line| line.split_once(':').unwrap().1).collect();
            let data: Value = template
                .keys()
                .zip(values)
                .map(|(k, v)| (k.to_owned(), json!({ "value": v })))
                .collect::<serde_json::Map<_, _>>()
                .into();
            assert_eq!(complaint(&data, Some(&template)), None, "{}", template.pri_tmpl_id);
        }
    }

    #[test]
    fn complaints() {
        let t = Template::new("t", "").keyword("a", "thing1", "x").keyword("b", "character_string13", "x");
        let says = |data: Value| complaint(&data, Some(&t)).unwrap_or_default();
        let good = json!({"value": "ok"});
        assert_eq!(says(json!({"thing1": good, "character_string13": good, "extra9": 5})), "");
        assert_eq!(says(json!({"character_string13": good})), "argument invalid! data.thing1.value is empty");
        assert_eq!(
            says(json!({"thing1.DATA": good, "character_string13": good})),
            "argument invalid! data.thing1.value is empty"
        );
        assert_eq!(says(json!({"thing1": {"value": ""}})), "argument invalid! data.thing1.value is empty");
        assert_eq!(says(json!({"thing1": {"value": 7}})), "argument invalid! data.thing1.value invalid");
        assert_eq!(
            says(json!({"thing1": good, "character_string13": {"value": "中文"}})),
            "argument invalid! data.character_string13.value"
        );
        assert_eq!(says(json!("{}")), "argument invalid! data invalid");
        assert_eq!(
            complaint(&json!({"any1": {"value": 3}}), None).unwrap(),
            "argument invalid! data.any1.value invalid"
        );
        assert_eq!(
            complaint(&json!({"thing1": {"value": "far too long for a thing, but not registered"}}), None),
            None
        );
    }

    #[test]
    fn any_id_until_one_is_registered() {
        let mut t = Templates::new(&[], None);
        assert!(t.takes("whatever") && t.takes("sim-stamina") && !t.takes(""));
        t.add(Template::new("mine", ""));
        assert!(!t.takes("whatever") && t.takes("mine") && t.takes("sim-stamina"));
        t.any = Some(true);
        assert!(t.takes("whatever"));
    }
}
