mod cuts;
mod faults;
mod property;
mod reading;
mod values;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A template of one-time kind with these keywords.
fn template(keys: &[&str]) -> Template {
    let keywords = keys.iter().map(|key| Keyword::new((*key).to_owned(), None)).collect();
    Template { id: "T".into(), title: String::new(), kind: Kind::OneTime, keywords, complete: true }
}

fn faults(keys: &[&str], data: &[(&str, &str)]) -> Vec<String> {
    let checked = check(&template(keys), data.iter().copied(), Mode::Strict);
    checked.faults.iter().map(Fault::to_string).collect()
}

/// Every accepted row passes, every refused row has exactly these faults.
fn table(key: &str, accepted: &[&str], refused: &[(&str, &[&str])]) {
    for value in accepted {
        assert_eq!(faults(&[key], &[(key, value)]), [""; 0], "{key} should take {value:?}");
    }
    for (value, wanted) in refused {
        let wanted: Vec<String> = wanted.iter().map(|fault| format!("data.{key}: {fault}")).collect();
        assert_eq!(faults(&[key], &[(key, value)]), wanted, "{key} should refuse {value:?}");
    }
}

const HAN_5: &str = "一二三四五";
const HAN_10: &str = "一二三四五六七八九十";
const HAN_20: &str = "一二三四五六七八九十一二三四五六七八九十";
const DIGITS_32: &str = "12345678901234567890123456789012";
const LETTERS_20: &str = "abcdefghijklmnopqrst";
const LETTERS_32: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";
