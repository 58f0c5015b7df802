//! Section 4 of wechat-api.md: what a keyword's value may be. Where WeChat's rule is not known the answer is yes.

use std::sync::LazyLock;

use regex_lite::Regex;

static TIME: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("^{}( *~ *{})?$", moment(), moment())));
static DATE: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!("^{DAY}( *{CLOCK})?( *~ *({DAY}( *{CLOCK})?|{CLOCK}))?$")));
static AMOUNT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\D{0,4}(\d{1,10}(\.\d*)?|\.\d+)元?$"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[+-]?(\d{1,32}(\.\d*)?|\.\d+)$"));
static CAR: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\S[A-Za-z0-9]{0,6}\S?$"));

const CLOCK: &str = r"\d{1,2}:\d{2}(:\d{2})?";
const DAY: &str =
    r"(\d{4}年\d{1,2}月(\d{1,2}日)?|\d{1,2}月\d{1,2}日|\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2})";

/// A time, with or without a date before it, or a date alone.
fn moment() -> String {
    format!("(({DAY} *)?{CLOCK}|{DAY})")
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// Whether WeChat takes `value` for `key` (`thing1`); `choices` are the template's listed values for it, if any.
pub(crate) fn fits(key: &str, value: &str, choices: Option<&[String]>) -> bool {
    let length = value.chars().count();
    let none = |refused: fn(char) -> bool| !value.chars().any(refused);
    if value.chars().any(char::is_control) {
        return false;
    }
    match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "thing" => length <= 20,
        "short_thing" => length <= 5,
        "number" => NUMBER.is_match(value),
        "letter" => length <= 32 && none(|c| !c.is_alphabetic() || is_chinese(c)),
        "symbol" => length <= 5 && none(|c| c.is_ascii_alphanumeric() || is_chinese(c)),
        "character_string" => length <= 32 && none(is_chinese),
        "time" => TIME.is_match(value),
        "date" => DATE.is_match(value),
        "amount" => AMOUNT.is_match(value),
        "phone_number" => length <= 17 && none(char::is_alphabetic),
        "car_number" => length <= 8 && CAR.is_match(value),
        "name" => length <= if value.chars().any(is_chinese) { 10 } else { 20 },
        "phrase" => length <= 5 && none(|c| !is_chinese(c) && !is_nearly_chinese(c)),
        "enum" | "enum_string" => choices.is_none_or(|c| c.iter().any(|one| one == value)),
        _ => true,
    }
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// 〇, 々 and the radicals.
fn is_nearly_chinese(c: char) -> bool {
    matches!(c, '〇' | '々' | '\u{2e80}'..='\u{2fdf}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_by_examples() {
        let digits32 = "1".repeat(32);
        let letters32 = "x".repeat(32);
        let good = [
            ("thing1", "体力已满，快来领取！"),
            ("thing2", "12345678901234567890"),
            ("short_thing1", "五个字符啊"),
            ("number1", digits32.as_str()),
            ("number1", "-3.50"),
            ("number1", "+3"),
            ("number1", ".5"),
            ("letter1", letters32.as_str()),
            ("letter1", "é"),
            ("symbol1", "+-*/%"),
            ("character_string13", "ABC-123_#"),
            ("character_string13", "A—B 😀é"),
            ("time1", "15:01"),
            ("time1", "15:01:30"),
            ("time1", "2019年10月1日 15:01"),
            ("time1", "2019-10-01 15:01"),
            ("time1", "15:01~16:30"),
            ("time1", "2026年09月03日"),
            ("time1", "2024-07-12"),
            ("time1", "2026年8月15日~2027年4月30日"),
            ("time1", "15:01 ~ 16:30"),
            ("time1", "2024-07-12 ~ 2024-07-13"),
            ("time1", "2019.12.25  15:01"),
            ("time1", "15:01  ~  16:30"),
            ("date1", "2019.12.25  15:01"),
            ("date1", "2019年10月1日 15:01~16:00"),
            ("date1", "2024-07-12~15:00"),
            ("date1", "2019年10月1日"),
            ("date1", "2019年10月"),
            ("date1", "10月1日"),
            ("date1", "2019-12-25"),
            ("date1", "2018.01"),
            ("date1", "01-01"),
            ("date1", "2019年10月1日 15:01"),
            ("date1", "2019-12-25~2019-12-31"),
            ("amount1", "¥100.50"),
            ("amount1", "100元"),
            ("phone_number1", "+86-0766-66888866"),
            ("phone_number1", "０７６６－６６８８８８６６"),
            ("car_number1", "粤A8Z888挂"),
            ("name1", "十个汉字的名字可以的"),
            ("name1", "Alexander Hamiltonia"),
            ("phrase1", "已完成"),
            ("phrase1", "时时々〇"),
            ("enum_string4", "成功"),
            ("const1", "anything"),
            ("future9", "anything at all"),
        ];
        let choices = ["成功".to_owned(), "失败".to_owned()];
        for (key, value) in good {
            assert!(fits(key, value, Some(&choices)), "{key} {value}");
        }
        let digits33 = "1".repeat(33);
        let bad = [
            ("thing1", "123456789012345678901"),
            ("thing1", "两\n行"),
            ("short_thing1", "六个字符不行"),
            ("number1", digits33.as_str()),
            ("number1", "twelve"),
            ("letter1", "a1"),
            ("symbol1", "a"),
            ("symbol1", "++++++"),
            ("character_string1", "中文"),
            ("time1", "tomorrow"),
            ("time1", "15:01～16:30"),
            ("time1", "2026年8月15日～2027年4月30日"),
            ("time1", "2024-07-24 08~12"),
            ("time1", "15日 07:00~23:00"),
            ("time1", ":2020年4月12日"),
            ("time1", "2024-07-12-2024-07-13"),
            ("date1", "soon"),
            ("amount1", "¥12345678901"),
            ("phone_number1", "call me"),
            ("car_number1", "粤A8Z8888挂"),
            ("name1", "十一个汉字的名字不可以啊"),
            ("name1", "A name of far more than twenty"),
            ("phrase1", "done"),
            ("phrase1", "六个字就太多"),
            ("enum1", "别的"),
        ];
        for (key, value) in bad {
            assert!(!fits(key, value, Some(&choices)), "{key} {value}");
        }
    }
}
