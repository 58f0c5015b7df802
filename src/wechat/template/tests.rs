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

#[test]
fn thing_takes_twenty_of_anything() {
    table(
        "thing1",
        &[
            HAN_20,
            "a",
            " ",
            "体力已满，快来！（Lv.99）",
            "Ａｂｃ１２３，。！～",
            "👍🏽好的👨‍👩‍👧",
            "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍",
            "𠮷野家𠮷野家𠮷野家𠮷野家𠮷野家𠮷野家𠮷𠮷",
            "שלום",
        ],
        &[
            ("", &["empty"]),
            ("一二三四五六七八九十一二三四五六七八九十一", &["21 characters, at most 20"]),
            ("👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍", &["21 characters, at most 20"]),
            ("a\nb", &["'\\n' at 2 is a control character or line break"]),
            ("\tb", &["'\\t' at 1 is a control character or line break"]),
            ("a\u{7f}", &["'\\u{7f}' at 2 is a control character or line break"]),
            ("a\u{85}b", &["'\\u{85}' at 2 is a control character or line break"]),
            ("a\u{2028}b", &["'\\u{2028}' at 2 is a control character or line break"]),
            (
                "一二三四五六七八九十一二三四五六七八九十\r\n",
                &["22 characters, at most 20", "'\\r' at 21 is a control character or line break"],
            ),
        ],
    );
}

#[test]
fn short_thing_takes_five() {
    table("short_thing2", &[HAN_5, "a1，!好"], &[("一二三四五六", &["6 characters, at most 5"]), ("", &["empty"])]);
}

#[test]
fn number_takes_decimal_digits() {
    let fraction = format!("{DIGITS_32}.{DIGITS_32}");
    table(
        "number01",
        &["0", "007", DIGITS_32, "3.14", "-5", "+5", "-0.5", ".5", "5.", &fraction],
        &[
            ("", &["empty"]),
            ("123456789012345678901234567890123", &["33 digits, at most 32"]),
            ("0.123456789012345678901234567890123", &["33 digits, at most 32"]),
            ("12a", &["\"12a\" is not a number like 12 or 12.5"]),
            ("1,000", &["\"1,000\" is not a number like 12 or 12.5"]),
            ("１２", &["\"１２\" is not a number like 12 or 12.5"]),
            ("十二", &["\"十二\" is not a number like 12 or 12.5"]),
            ("1.2.3", &["\"1.2.3\" is not a number like 12 or 12.5"]),
            ("1e5", &["\"1e5\" is not a number like 12 or 12.5"]),
            ("--5", &["\"--5\" is not a number like 12 or 12.5"]),
            ("-", &["\"-\" is not a number like 12 or 12.5"]),
            (".", &["\".\" is not a number like 12 or 12.5"]),
            ("5-", &["\"5-\" is not a number like 12 or 12.5"]),
            (" 5", &["\" 5\" is not a number like 12 or 12.5"]),
            ("50%", &["\"50%\" is not a number like 12 or 12.5"]),
            ("5\n", &["\"5\\n\" is not a number like 12 or 12.5"]),
        ],
    );
}

#[test]
fn letter_takes_letters() {
    table(
        "letter1",
        &["A", LETTERS_32, "ＡＢ", "é", "Ж", "あ"],
        &[
            ("abcdefghijklmnopqrstuvwxyzABCDEFG", &["33 characters, at most 32"]),
            ("a1", &["'1' at 2 is not a letter (letter: up to 32 letters)"]),
            ("a b", &["' ' at 2 is not a letter (letter: up to 32 letters)"]),
            ("a-b", &["'-' at 2 is not a letter (letter: up to 32 letters)"]),
            ("a中", &["'中' at 2 is not a letter (letter: up to 32 letters)"]),
            ("，", &["'，' at 1 is not a letter (letter: up to 32 letters)"]),
            ("👍", &["'👍' at 1 is not a letter (letter: up to 32 letters)"]),
        ],
    );
}

#[test]
fn symbol_takes_symbols() {
    table(
        "symbol1",
        &["!", "★★★★★", "，。！？、", "👍👍👍👍👍", "①", "～ ～", "_-+="],
        &[
            ("★★★★★★", &["6 characters, at most 5"]),
            ("!a", &["'a' at 2 is not a symbol (symbol: up to 5 symbols)"]),
            ("1", &["'1' at 1 is not a symbol (symbol: up to 5 symbols)"]),
            ("中", &["'中' at 1 is not a symbol (symbol: up to 5 symbols)"]),
            ("!\n", &["'\\n' at 2 is a control character or line break"]),
        ],
    );
}

#[test]
fn character_string_takes_all_but_chinese() {
    let rule = "(character_string: up to 32 digits, letters or symbols)";
    table(
        "character_string13",
        &[DIGITS_32, "NO.2019-0001_a", "01 08 09 13 16 33+01", "a，b～c", "👍", "Ａ１", "é"],
        &[
            ("", &["empty"]),
            ("123456789012345678901234567890123", &["33 characters, at most 32"]),
            ("A中", &[&format!("'中' at 2 is Chinese {rule}")]),
            ("𠮷", &[&format!("'𠮷' at 1 is Chinese {rule}")]),
            ("A\0", &["'\\u{0}' at 2 is a control character or line break"]),
        ],
    );
}

#[test]
fn time_takes_times() {
    let not = |value: &str| format!("\"{value}\" is not a 24-hour time like 15:01 or 2019年10月1日 15:01");
    table(
        "time3",
        &[
            "15:01",
            "15:01:30",
            "00:00",
            "23:59:59",
            "24:00",
            "9:05",
            "2019年10月1日 15:01",
            "2019年10月1日15:01",
            "2019年10月01日 15:01:30",
            "2019年10月 15:01",
            "10月1日 15:01",
            "2019-12-25 15:01",
            "2019/12/25 15:01",
            "2019.12.25  15:01",
            "01-01 08:00",
            "15:01~16:30",
            "15:01 ~ 16:30",
            "2019年10月1日 15:01~2019年10月2日 16:30",
            "2019年10月1日 15:01~16:30",
            "2024-02-29 08:00:00~2024-02-29 09:00:00",
            // Without a time: seen in live templates.
            "2019年10月1日",
            "2026年09月03日",
            "2024-07-12",
            "2026年8月15日~2027年4月30日",
            "2024-07-12 ~ 2024-07-13",
        ],
        &[
            ("", &["empty"]),
            ("25:01", &[&not("25:01")]),
            ("24:01", &[&not("24:01")]),
            ("15:60", &[&not("15:60")]),
            ("15:01:60", &[&not("15:01:60")]),
            ("15:1", &[&not("15:1")]),
            ("015:01", &[&not("015:01")]),
            ("15", &[&not("15")]),
            ("15：01", &[&not("15：01")]),
            ("3:01 PM", &[&not("3:01 PM")]),
            ("15时01分", &[&not("15时01分")]),
            ("2024-07-24 08~12", &[&not("2024-07-24 08~12")]),
            ("15日 07:00~23:00", &[&not("15日 07:00~23:00")]),
            (":2020年4月12日", &[&not(":2020年4月12日")]),
            ("2024-07-12-2024-07-13", &[&not("2024-07-12-2024-07-13")]),
            ("2019年10月1日~", &[&not("2019年10月1日~")]),
            ("2026年8月15日～2027年4月30日", &["'～' at 11 must be a half-width ~"]),
            ("2019-10-0115:01", &[&not("2019-10-0115:01")]),
            ("2019-10-01T15:01", &[&not("2019-10-01T15:01")]),
            ("2019年13月1日 15:01", &[&not("2019年13月1日 15:01")]),
            ("2019年10月32日 15:01", &[&not("2019年10月32日 15:01")]),
            ("15:01-16:30", &[&not("15:01-16:30")]),
            ("15:01~", &[&not("15:01~")]),
            ("~15:01", &[&not("~15:01")]),
            ("15:01~16:00~17:00", &[&not("15:01~16:00~17:00")]),
            ("15:01 ", &[&not("15:01 ")]),
            ("明天", &[&not("明天")]),
            ("15:01\n", &[&not("15:01\\n")]),
            ("15:01～16:30", &["'～' at 6 must be a half-width ~"]),
            ("15:01〜16:30", &["'〜' at 6 must be a half-width ~"]),
        ],
    );
}

#[test]
fn date_takes_dates() {
    let not = |value: &str| format!("\"{value}\" is not a date like 2019年10月1日 or 2019-10-01 15:01");
    table(
        "date2",
        &[
            "2019年10月1日",
            "2019年10月",
            "10月1日",
            "2019-12-25",
            "2019/12/25",
            "2019.12.25",
            "2018.01",
            "2018-1",
            "01-01",
            "1/1",
            "12.31",
            "2019年10月1日 15:01",
            "2019年10月1日15:01:30",
            "2019-12-25 15:01",
            "2018.01 08:00",
            "2019年10月1日~2019年10月7日",
            "2019-12-25~2019-12-26",
            "2019-12-25 ~ 12-26",
            "2019-12-25 15:01~2019-12-26 16:00",
            "2019-12-25 15:01~16:00",
            "2019-02-30",
        ],
        &[
            ("", &["empty"]),
            ("15:01", &[&not("15:01")]),
            ("2019年", &[&not("2019年")]),
            ("2019", &[&not("2019")]),
            ("10月", &[&not("10月")]),
            ("1日", &[&not("1日")]),
            ("2019年10月1", &[&not("2019年10月1")]),
            ("2019年10月1号", &[&not("2019年10月1号")]),
            ("2019-13-01", &[&not("2019-13-01")]),
            ("2019-00-01", &[&not("2019-00-01")]),
            ("2019-12-32", &[&not("2019-12-32")]),
            ("2019-12-00", &[&not("2019-12-00")]),
            ("2019-12/25", &[&not("2019-12/25")]),
            ("2019-12-", &[&not("2019-12-")]),
            ("13-01", &[&not("13-01")]),
            ("20191225", &[&not("20191225")]),
            ("19-12-25", &[&not("19-12-25")]),
            ("２０１９-12-25", &[&not("２０１９-12-25")]),
            ("2019-12-25 25:00", &[&not("2019-12-25 25:00")]),
            ("2019-12-25T15:01:00Z", &[&not("2019-12-25T15:01:00Z")]),
            ("2019-12-25~明天", &[&not("2019-12-25~明天")]),
            ("2019年10月1日（周二）", &[&not("2019年10月1日（周二）")]),
            ("2019-12-25～2019-12-26", &["'～' at 11 must be a half-width ~"]),
        ],
    );
}

#[test]
fn amount_takes_money() {
    let not = |value: &str| format!("\"{value}\" is not an amount like ¥99.99 or 100元");
    table(
        "amount4",
        &[
            "¥99.99",
            "￥99.99",
            "$1",
            "€0.5",
            "₩10000",
            "100元",
            "¥100元",
            "100",
            "99.99",
            "-5",
            "-¥5",
            "¥-5",
            "+5元",
            "1234567890",
            "¥1234567890.99元",
        ],
        &[
            ("", &["empty"]),
            ("12345678901", &["11 digits, at most 10"]),
            ("¥12345678901.5元", &["11 digits, at most 10"]),
            ("¥", &[&not("¥")]),
            ("元", &[&not("元")]),
            ("¥¥5", &[&not("¥¥5")]),
            ("-¥-5", &[&not("-¥-5")]),
            ("1,000.00", &[&not("1,000.00")]),
            ("100 USD", &[&not("100 USD")]),
            ("US$100", &[&not("US$100")]),
            ("100元整", &[&not("100元整")]),
            ("5¥", &[&not("5¥")]),
            ("１００", &[&not("１００")]),
            ("免费", &[&not("免费")]),
            ("1.2.3", &[&not("1.2.3")]),
        ],
    );
}

#[test]
fn phone_number_takes_digits_and_symbols() {
    let rule = "is not a digit or symbol (phone_number: up to 17 digits or symbols)";
    table(
        "phone_number5",
        &["+86-0766-66888866", "13800138000", "138****8000", "(0766) 668-888", "#31#", "１３８"],
        &[
            ("", &["empty"]),
            ("+86-0766-668888661", &["18 characters, at most 17"]),
            ("138a", &[&format!("'a' at 4 {rule}")]),
            ("电话1", &[&format!("'电' at 1 {rule}")]),
        ],
    );
}

#[test]
fn car_number_takes_plates() {
    let rule = "is not a letter or digit (car_number: up to 8, Chinese first or last only)";
    table(
        "car_number6",
        &["粤A8Z888挂", "粤AD12345", "粤Z1234港", "A12345", "粤", "粤挂", "使014578"],
        &[
            ("", &["empty"]),
            ("粤AD123456", &["9 characters, at most 8"]),
            ("粤A8挂88", &[&format!("'挂' at 4 {rule}")]),
            ("粤A·8Z888", &[&format!("'·' at 3 {rule}")]),
            ("粤A 8Z888", &[&format!("' ' at 3 {rule}")]),
            ("粤Ａ8888", &[&format!("'Ａ' at 2 {rule}")]),
            ("，12345", &[&format!("'，' at 1 {rule}")]),
        ],
    );
}

#[test]
fn name_takes_ten_with_chinese_else_twenty() {
    let digit = "is a digit (name: up to 10 Chinese characters, or 20 letters or symbols)";
    table(
        "name7",
        &[HAN_10, LETTERS_20, "张三·李四", "张san", "O'Neil, John", "さくらさくらさくらさくら", "👍Tom"],
        &[
            ("", &["empty"]),
            ("一二三四五六七八九十一", &["11 characters, at most 10"]),
            ("abcdefghij张", &["11 characters, at most 10"]),
            ("abcdefghijklmnopqrstu", &["21 characters, at most 20"]),
            ("张3", &[&format!("'3' at 2 {digit}")]),
            ("张三李四王五赵六钱七12", &["12 characters, at most 10", &format!("'1' at 11 {digit}")]),
        ],
    );
}

#[test]
fn phrase_takes_chinese_only() {
    let rule = "is not Chinese (phrase: up to 5 Chinese characters)";
    table(
        "phrase8",
        &["配送中", HAN_5, "一", "𠮷野家", "二〇二四", "人々"],
        &[
            ("", &["empty"]),
            ("一二三四五六", &["6 characters, at most 5"]),
            ("配送a", &[&format!("'a' at 3 {rule}")]),
            ("配送，", &[&format!("'，' at 3 {rule}")]),
            ("配 送", &[&format!("' ' at 2 {rule}")]),
            ("１", &[&format!("'１' at 1 {rule}")]),
            ("あ", &[&format!("'あ' at 1 {rule}")]),
            ("👍", &[&format!("'👍' at 1 {rule}")]),
            ("通过/成功啦", &["6 characters, at most 5", &format!("'/' at 3 {rule}")]),
        ],
    );
}

#[test]
fn enumerations_take_what_is_listed() {
    let listed = Some(vec!["失败".to_owned(), "成功".to_owned()]);
    let mut template = template(&["thing1"]);
    template.keywords.push(Keyword::new("enum_string4".into(), listed));
    let faults = |value| {
        let data = [("thing1", "a"), ("enum_string4", value)];
        faults_message(&check(&template, data, Mode::Truncate).faults, 247)
    };
    assert_eq!(faults("成功"), "");
    assert_eq!(faults("失败"), "");
    assert_eq!(faults("成"), "data.enum_string4: \"成\" is not one of 失败, 成功");
    assert_eq!(faults("成功 "), "data.enum_string4: \"成功 \" is not one of 失败, 成功");
    assert_eq!(faults(""), "data.enum_string4: empty");
}

#[test]
fn what_is_not_known_passes() {
    for key in ["enum1", "enum_string2", "const3", "mystery4", "keyword5", "Thing6", "", "thing1x"] {
        table(key, &[&HAN_20.repeat(9), "a\nb", "👍"], &[("", &["empty"])]);
    }
}

#[test]
fn rules_come_from_the_type_in_the_key() {
    assert_eq!(Rule::of_key("thing"), Rule::Thing);
    assert_eq!(Rule::of_key("thing0123"), Rule::Thing);
    assert_eq!(Rule::of_key("short_thing1"), Rule::ShortThing);
    assert_eq!(Rule::of_key("character_string13"), Rule::CharacterString);
    assert_eq!(Rule::of_key("enum1"), Rule::Enum);
    assert_eq!(Rule::of_key("enum_string4"), Rule::Enum);
    assert_eq!(Rule::of_key("const1"), Rule::Const);
    assert_eq!(Rule::of_key("thing1_2x"), Rule::Other);
}

#[test]
fn all_faults_are_found_at_once() {
    let data = [
        ("surplus", "x"),
        ("time3", "25:01"),
        ("thing1", "一二三四五六七八九十一二三四五六七八九十一二三"),
        ("phrase2", "配送a"),
        ("thing9.DATA", "x"),
    ];
    assert_eq!(
        faults(&["thing1", "phrase2", "time3", "number4", "thing9"], &data),
        [
            "data.thing1: 23 characters, at most 20",
            "data.phrase2: 'a' at 3 is not Chinese (phrase: up to 5 Chinese characters)",
            "data.time3: \"25:01\" is not a 24-hour time like 15:01 or 2019年10月1日 15:01",
            "data.number4: missing",
            "data.thing9: missing; leave .DATA out of the key",
            "data.surplus: not a key of this template",
        ]
    );
}

#[test]
fn faults_carry_their_parts() {
    let checked = check(&template(&["name1", "thing2"]), [("name1", "一二三四五六七八九十一")], Mode::Strict);
    let [name, thing] = &checked.faults[..] else { panic!("{checked:?}") };
    assert_eq!((name.key.as_str(), name.rule), ("name1", Rule::Name));
    assert_eq!(name.problem, Problem::TooLong { length: 11, limit: 10 });
    assert_eq!(thing.rule, Rule::Thing);
    assert_eq!(thing.problem, Problem::Missing { with_data: false });
    assert!(!checked.passes());
}

#[test]
fn surplus_keys_are_a_mistake_only_in_strict_mode_and_in_known_templates() {
    let mut template = template(&["thing1"]);
    let data = [("thing1", "a"), ("thing1.DATA", "a"), ("x", "a")];
    let strict: Vec<String> = check(&template, data, Mode::Strict).faults.iter().map(Fault::to_string).collect();
    let wanted = ["data.thing1.DATA: not a key of this template", "data.x: not a key of this template"];
    assert_eq!(strict, wanted);
    assert!(check(&template, data, Mode::Truncate).passes());
    template.complete = false;
    assert!(check(&template, data, Mode::Strict).passes());
}

#[test]
fn a_key_given_twice_is_checked_twice() {
    assert_eq!(faults(&["phrase1"], &[("phrase1", "好"), ("phrase1", "")]), ["data.phrase1: empty"]);
}

#[test]
fn texts_are_fit_for_a_log() {
    let key = "k\u{202E}\n".repeat(100);
    let fault = &faults(&[], &[(&key, "x")])[0];
    assert!(fault.starts_with("data.k\\u{202e}\\nk"), "{fault}");
    let time = &faults(&["time1"], &[("time1", &"\u{1b}[31m".repeat(99))])[0];
    assert!(time.starts_with("data.time1: \"\\u{1b}[31m"), "{time}");
    assert!(time.contains("…\" is not a 24-hour time"), "{time}");
}

/// The cut value, `None` where there is no cut; the faults must then be the strict ones.
fn cut(key: &str, value: &str) -> Option<String> {
    let template = template(&[key]);
    let checked = check(&template, [(key, value)], Mode::Truncate);
    match &checked.cuts[..] {
        [] => {
            assert_eq!(checked, check(&template, [(key, value)], Mode::Strict));
            None
        }
        [cut] => {
            assert!(checked.passes());
            Some(cut.value.clone())
        }
        _ => panic!("{checked:?}"),
    }
}

#[test]
fn free_text_is_cut_when_it_is_merely_too_long() {
    let nineteen = "一二三四五六七八九十一二三四五六七八九";
    assert_eq!(cut("thing1", HAN_20), None);
    assert_eq!(cut("thing1", &format!("{HAN_20}一")), Some(format!("{nineteen}…")));
    assert_eq!(cut("short_thing1", "一二三四五六"), Some("一二三四…".into()));
    assert_eq!(cut("name1", "一二三四五六七八九十一"), Some("一二三四五六七八九…".into()));
    assert_eq!(cut("name1", "abcdefghijklmnopqrstu"), Some("abcdefghijklmnopqrs…".into()));
    assert_eq!(cut("thing1", &format!("{HAN_20}\n")), None, "a second fault");
    assert_eq!(cut("name1", "张三李四王五赵六钱七12"), None, "a second fault");
    assert_eq!(cut("thing1", ""), None);
    let checked = check(&template(&["thing1"]), [("thing1", &*"a".repeat(23))], Mode::Truncate);
    assert_eq!(checked.cuts[0].to_string(), "data.thing1: 23 characters, cut to 20");
}

#[test]
fn other_types_are_never_cut() {
    for key in ["number1", "letter1", "symbol1", "character_string1", "time1", "date1", "amount1", "phone_number1"] {
        assert_eq!(cut(key, &"1".repeat(40)), None, "{key}");
        assert_eq!(cut(key, &"★".repeat(40)), None, "{key}");
        assert_eq!(cut(key, &"a".repeat(40)), None, "{key}");
    }
    assert_eq!(cut("phrase1", HAN_10), None);
    assert_eq!(cut("car_number1", "粤AD123456"), None);
}

#[test]
fn cuts_keep_together_what_belongs_together() {
    let cases = [
        ("abcd\u{301}ef", "abc…"),            // an accent
        ("abc👍🏽def", "abc…"),                 // a skin tone
        ("ab👨\u{200D}👩\u{200D}👧x", "ab…"), // a family
        ("abc❤\u{FE0F}xy", "abc…"),           // a variation selector
        ("abc1\u{FE0F}\u{20E3}x", "abc…"),    // a keycap
        ("ab🇨🇳🇯🇵", "ab🇨🇳…"),                  // flags
        ("abc🇨🇳🇯🇵", "abc…"),                  //
        ("abcが\u{3099}xy", "abc…"),          // a voiced kana spelt out
        ("abcकि\u{902}x", "abc…"),            // a Devanagari vowel
        ("abcกี่x", "abc…"),                    // Thai marks
        ("abक्षxy", "ab…"),                    // a Devanagari conjunct
        ("abcש\u{5C1}ab", "abc…"),            // a Hebrew point
        ("abcب\u{64E}x", "abc…"),             // an Arabic vowel
        ("abcກ\u{EB4}x", "abc…"),             // Lao
        ("abcབ\u{F7C}x", "abc…"),             // Tibetan
        ("abcမ\u{103C}x", "abc…"),            // Burmese
        ("abကခ\u{1039}ဂx", "abက…"),           // a Burmese stack
        ("abc\u{1112}\u{1161}x", "abc…"),     // Hangul spelt out
        ("abcx\u{20D7}y", "abc…"),            // a vector's arrow
        ("abc🏴\u{E0067}\u{E007F}", "abc…"),  // a regional flag
        ("abcde\u{200B}f", "abcd…"),          // nothing special
    ];
    for (value, wanted) in cases {
        assert_eq!(cut("short_thing1", value).as_deref(), Some(wanted), "{value}");
    }
    let one = format!("a{}", "\u{301}".repeat(30));
    assert_eq!(cut("short_thing1", &one), None, "nothing would be left");
}

#[test]
fn excerpts_are_cut_between_characters() {
    let cases = [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab…"),
        ("一二三", 9, "一二三"),
        ("一二三", 8, "一…"),
        ("abcdef", 3, "…"),
        ("abcdef", 2, ""),
        ("a\nb", 4, "a\\nb"),
        ("ab\n\n", 5, "ab…"),
        ("", 0, ""),
    ];
    for (text, max_bytes, wanted) in cases {
        assert_eq!(fault::excerpt(text, max_bytes), wanted, "{text:?} in {max_bytes}");
    }
}

#[test]
fn messages_are_cut_between_faults() {
    let fault = |key: &str| Fault { key: key.into(), rule: Rule::Thing, problem: Problem::Empty };
    let three = [fault("thing1"), fault("thing2"), fault("thing3")];
    assert_eq!(faults_message(&[], 9), "");
    let whole = "data.thing1: empty; data.thing2: empty; data.thing3: empty";
    assert_eq!(faults_message(&three, whole.len()), whole);
    assert_eq!(faults_message(&three, whole.len() - 1), "data.thing1: empty; data.thing2: empty; … and 1 more");
    assert_eq!(faults_message(&three, 48), "data.thing1: empty; … and 2 more");
    assert_eq!(faults_message(&three, 33), "data.thing1: e…; … and 2 more");
    assert_eq!(faults_message(&three, 32), "data.thing1: empty; data.thin…");
    assert_eq!(faults_message(&three, 10), "data.th…");
    assert_eq!(faults_message(&three[..1], 17), "data.thing1: e…");
    assert_eq!(faults_message(&three, 0), "");
}

fn answer() -> Value {
    json!({"errcode": 0, "errmsg": "ok", "data": [
        {
            "priTmplId": "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU",
            "title": "报名结果通知",
            "content": "会议时间:{{date2.DATA}}\n会议地点:{{thing3.DATA}}\n结果:{{enum_string4.DATA}}\n",
            "example": "会议时间:2016年8月8日\n会议地点:TIT会议室\n结果:成功\n",
            "type": 2,
            "keywordEnumValueList": [{"enumValueList": ["失败", "成功"], "keywordCode": "enum_string4.DATA"}]
        },
        {"priTmplId": "L", "title": "长期", "content": "{{thing1.DATA}}", "example": "", "type": 3}
    ]})
}

#[test]
fn wechats_answer_is_read() {
    let templates = parse_answer(&answer()).expect("a list");
    let [one, long] = &templates[..] else { panic!("{templates:?}") };
    assert_eq!(one.id, "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU");
    assert_eq!(one.title, "报名结果通知");
    assert_eq!((one.kind, one.complete), (Kind::OneTime, true));
    let keys: Vec<_> = one.keywords.iter().map(|keyword| (keyword.key.as_str(), keyword.rule)).collect();
    assert_eq!(keys, [("date2", Rule::Date), ("thing3", Rule::Thing), ("enum_string4", Rule::Enum)]);
    assert_eq!(one.keywords[2].allowed, Some(vec!["失败".to_owned(), "成功".to_owned()]));
    assert_eq!(one.keywords[0].allowed, None);
    assert_eq!((long.id.as_str(), long.kind), ("L", Kind::LongTerm));
}

#[test]
fn odd_answers_are_read_as_far_as_they_go() {
    for odd in [json!({}), json!(null), json!([]), json!({"data": null}), json!({"data": {}}), json!({"data": "[]"})] {
        assert_eq!(parse_answer(&odd), None, "{odd}");
    }
    assert_eq!(parse_answer(&json!({"data": []})), Some(vec![]));

    let read = |entry: Value| parse_answer(&json!({"data": [entry]})).expect("a list");
    for skipped in [json!(1), json!(null), json!({}), json!({"priTmplId": ""}), json!({"priTmplId": 7})] {
        assert_eq!(read(skipped.clone()), [], "{skipped}");
    }

    let bare = &read(json!({"priTmplId": "T"}))[0];
    assert_eq!((bare.kind, bare.complete, bare.keywords.len()), (Kind::OneTime, false, 0));
    assert!(check(bare, [("thing1", "x")], Mode::Strict).passes());

    let odd = &read(
        json!({"priTmplId": "T", "title": 1, "type": "3", "content": "a{{thing1.DATA}}{{?}}{{ time2 }}{{thing1.DATA}}{{x",
        "keywordEnumValueList": [1, {}, {"keywordCode": "thing1.DATA", "enumValueList": ["a", 1]},
            {"keywordCode": "time2", "enumValueList": []}, {"keywordCode": "nowhere", "enumValueList": ["a"]}]}),
    )[0];
    assert_eq!((odd.title.as_str(), odd.kind, odd.complete), ("", Kind::LongTerm, false));
    assert_eq!(odd.keywords, template(&["thing1", "time2"]).keywords);

    assert_eq!(read(json!({"priTmplId": "T", "type": 9, "content": "{{thing1.DATA}}"}))[0].kind, Kind::OneTime);
}

#[test]
fn the_configuration_takes_both_forms() {
    let list = answer()["data"].clone();
    assert_eq!(parse_config(&list).ok(), parse_answer(&answer()));
    let short = json!([
        {"id": "A", "type": 3, "keys": ["thing1", "enum_string4.DATA"], "enums": {"enum_string4": ["失败", "成功"]}},
        {"id": "B", "title": "体力", "keys": ["time2"]}
    ]);
    let templates = parse_config(&short).expect("templates");
    let [a, b] = &templates[..] else { panic!("{templates:?}") };
    assert_eq!((a.id.as_str(), a.kind, a.complete), ("A", Kind::LongTerm, true));
    assert_eq!(a.keywords[1], Keyword::new("enum_string4".into(), Some(vec!["失败".into(), "成功".into()])));
    assert_eq!((b.title.as_str(), b.kind, b.keywords[0].rule), ("体力", Kind::OneTime, Rule::Time));
    assert_eq!(parse_config(&json!([])), Ok(vec![]));
}

#[test]
fn mistakes_in_the_configuration_are_named() {
    let cases = [
        (json!({}), "templates: \"auto\", \"off\" or a list is needed, not {}"),
        (json!([1]), "templates[0]: an object is needed, not 1"),
        (json!([{"id": "A", "keys": ["thing1"]}, {}]), "templates[1].id: missing"),
        (json!([{"id": 5, "keys": ["thing1"]}]), "templates[0].id: a text is needed, not 5"),
        (json!([{"id": "", "keys": ["thing1"]}]), "templates[0].id: a text is needed, not \"\""),
        (json!([{"id": "A"}]), "templates[0].keys: at least one key like \"thing1\" is needed"),
        (json!([{"id": "A", "keys": "thing1"}]), "templates[0].keys: a list is needed, not \"thing1\""),
        (json!([{"id": "A", "keys": ["thing1", 2]}]), "templates[0].keys[1]: a text is needed, not 2"),
        (json!([{"id": "A", "keys": ["物\n"]}]), "templates[0].keys[0]: \"物\\n\" is not a key like thing1"),
        (json!([{"id": "A", "keys": ["thing1", "thing1.DATA"]}]), "templates[0].keys[1]: thing1 twice"),
        (
            json!([{"id": "A", "keys": ["thing1"], "type": 1}]),
            "templates[0].type: 2 (one-time) or 3 (long-term) is needed, not 1",
        ),
        (json!([{"id": "A", "keys": ["thing1"], "title": []}]), "templates[0].title: a text is needed, not []"),
        (
            json!([{"id": "A", "keyz": []}]),
            "templates[0].keyz: unknown; known are id, title, type, keys, enums, or WeChat's own with priTmplId",
        ),
        (json!([{"id": "A", "keys": ["enum1"], "enums": []}]), "templates[0].enums: an object is needed, not []"),
        (
            json!([{"id": "A", "keys": ["enum1"], "enums": {"enum2": ["a"]}}]),
            "templates[0].enums.enum2: not one of templates[0].keys",
        ),
        (
            json!([{"id": "A", "keys": ["enum1"], "enums": {"enum1": []}}]),
            "templates[0].enums.enum1: a list of values is needed, not []",
        ),
        (
            json!([{"id": "A", "keys": ["enum1"], "enums": {"enum1": ["a", 1]}}]),
            "templates[0].enums.enum1[1]: a text is needed, not 1",
        ),
        (
            json!([{"id": "A", "keys": ["thing1"]}, {"id": "A", "keys": ["thing1"]}]),
            "templates[1]: the same id as templates[0]",
        ),
        (json!([{"priTmplId": 5}]), "templates[0].content: missing"),
        (json!([{"priTmplId": 5, "content": "{{thing1.DATA}}"}]), "templates[0].priTmplId: a text is needed, not 5"),
        (json!([{"priTmplId": "A", "id": "A"}]), "templates[0]: id and priTmplId; one of them is enough"),
        (
            json!([{"priTmplId": "A", "content": "thing1"}]),
            "templates[0].content: keywords like {{thing1.DATA}} are needed, not \"thing1\"",
        ),
        (
            json!([{"priTmplId": "A", "content": "{{enum1.DATA}}", "keywordEnumValueList": [{"keywordCode": "enum1"}]}]),
            "templates[0].keywordEnumValueList[0].enumValueList: missing",
        ),
        (
            json!([{"priTmplId": "A", "content": "{{enum1.DATA}}", "keywordEnumValueList": [7]}]),
            "templates[0].keywordEnumValueList[0]: an object is needed, not 7",
        ),
    ];
    for (list, wanted) in cases {
        assert_eq!(parse_config(&list), Err(wanted.to_owned()), "{list}");
    }
}

#[test]
fn the_store_gets_back_what_it_was_given() {
    for template in parse_answer(&answer()).expect("a list") {
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(serde_json::from_str::<Template>(&json).ok(), Some(template));
        assert!(!json.contains("rule"), "{json}");
    }
    assert!(serde_json::from_str::<Template>("").is_err());
    assert!(serde_json::from_str::<Template>("{\"id\":\"A\"}").is_err());
}

const KEYS: [&str; 18] = [
    "thing1",
    "short_thing2",
    "number3",
    "letter4",
    "symbol5",
    "character_string6",
    "time7",
    "date8",
    "amount9",
    "phone_number10",
    "car_number11",
    "name12",
    "phrase13",
    "enum14",
    "enum_string15",
    "const16",
    "unknown17",
    "time18",
];

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(&KEYS[..]).prop_map(str::to_owned), ".{0,40}"]
}

/// Anything, and often something near a rule.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9年月日:~. /-]{0,40}",
        "[¥$0-9.元+-]{0,14}",
        "[一-龥a-zA-Z0-9]{0,40}",
        "[e\u{301}\u{200D}\u{FE0F}👍🏽🇨🇳한कि]{0,60}",
    ]
}

fn values_by_rule() -> impl Strategy<Value = (&'static str, String)> {
    const CLOCK: &str = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?";
    const DATE: &str = "([0-9]{4}年(1[0-2]|[1-9])月((3[01]|[12][0-9]|[1-9])日)?\
        |(1[0-2]|[1-9])月(3[01]|[12][0-9]|[1-9])日\
        |[0-9]{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?\
        |[0-9]{4}/(0[1-9]|1[0-2])(/(0[1-9]|[12][0-9]|3[01]))?\
        |[0-9]{4}\\.(0[1-9]|1[0-2])(\\.(0[1-9]|[12][0-9]|3[01]))?\
        |(0[1-9]|1[0-2])[-/.](0[1-9]|[12][0-9]|3[01]))";
    let time = format!("({DATE} )?{CLOCK}(~({DATE} )?{CLOCK})?|{DATE}(~{DATE})?");
    let date = format!("{DATE}( {CLOCK})?(~{DATE}( {CLOCK})?)?");
    let of = |key: &'static str, grammar: &str| {
        proptest::string::string_regex(grammar).expect(key).prop_map(move |value| (key, value)).boxed()
    };
    prop_oneof![
        of("thing1", "[^\\p{Cc}\u{2028}\u{2029}]{1,20}"),
        of("short_thing1", "[^\\p{Cc}\u{2028}\u{2029}]{1,5}"),
        of("number1", "-?[0-9]{1,32}(\\.[0-9]{1,8})?"),
        of("letter1", "[A-Za-z]{1,32}"),
        of("symbol1", "[!-/:-@★，。！？～…]{1,5}"),
        of("character_string1", "[!-~，。]{1,32}"),
        of("time1", &time),
        of("date1", &date),
        of("amount1", "[¥￥$€£]?-?[0-9]{1,10}(\\.[0-9]{1,2})?元?"),
        of("phone_number1", "[0-9+()*# -]{1,17}"),
        of("car_number1", "[一-龥]?[A-Z0-9]{1,6}[一-龥]?"),
        of("name1", "[一-龥a-zA-Z·]{1,10}|[a-zA-Z .']{1,20}"),
        of("phrase1", "[一-龥]{1,5}"),
        of("unknown1", ".{1,40}"),
    ]
}

/// JSON of any shape, with the names that the parsers look for.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        proptest::sample::select(
            &["data", "priTmplId", "content", "type", "title", "keywordEnumValueList", "keywordCode", "enumValueList"]
                [..]
        )
        .prop_map(str::to_owned),
        proptest::sample::select(&["id", "keys", "enums", "thing1", "enum2"][..]).prop_map(str::to_owned),
        any::<String>(),
    ];
    let text = prop_oneof![any::<String>(), "(\\{\\{)?(thing|enum)[0-9](\\.DATA)?(\\}\\})?"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..5).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn is_fit_for_a_log(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}'))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn values_of_the_grammar_pass((key, value) in values_by_rule()) {
        for mode in [Mode::Strict, Mode::Truncate] {
            let checked = check(&template(&[key]), [(key, value.as_str())], mode);
            prop_assert_eq!(checked, Checked::default(), "{}: {:?}", key, value);
        }
    }

    #[test]
    fn texts_stay_within_their_bounds(
        keys in proptest::collection::vec(any_key(), 0..4),
        data in proptest::collection::vec((any_key(), any_value()), 0..6),
        allowed in proptest::collection::vec(any::<String>(), 0..3),
        max_bytes in 0..400_usize,
    ) {
        let mut template = template(&keys.iter().map(String::as_str).collect::<Vec<_>>());
        template.keywords.push(Keyword::new("enum99".into(), Some(allowed)));
        let pairs = data.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let checked = check(&template, pairs, Mode::Strict);
        prop_assert!(checked.cuts.is_empty());
        for fault in &checked.faults {
            let text = fault.to_string();
            prop_assert!(text.len() <= super::fault::MAX_FAULT_BYTES, "{} bytes: {}", text.len(), text);
            prop_assert!(is_fit_for_a_log(&text), "{:?}", text);
            prop_assert!(text.starts_with("data."));
        }
        let message = faults_message(&checked.faults, max_bytes);
        prop_assert!(message.len() <= max_bytes);
        let whole: Vec<String> = checked.faults.iter().map(Fault::to_string).collect();
        prop_assert!(message.contains('…') || max_bytes < 3 || message == whole.join("; "));
    }

    #[test]
    fn cut_values_pass_and_are_the_beginning(key in any_key(), value in any_value(), again in 1..30_usize) {
        let value = value.repeat(again);
        let template = template(&[&key]);
        let checked = check(&template, [(key.as_str(), value.as_str())], Mode::Truncate);
        let strict = check(&template, [(key.as_str(), value.as_str())], Mode::Strict);
        prop_assert_eq!(checked.passes() && checked.cuts.is_empty(), strict.passes());
        for cut in &checked.cuts {
            prop_assert!(checked.passes());
            prop_assert!(cut.value.chars().count() <= cut.limit && cut.limit < cut.length);
            prop_assert!(value.starts_with(cut.value.strip_suffix('…').expect("the ellipsis")));
            let again = check(&template, [(key.as_str(), cut.value.as_str())], Mode::Strict);
            prop_assert_eq!(again, Checked::default());
        }
    }

    #[test]
    fn any_json_is_survived(json in any_json()) {
        for template in parse_answer(&json!({"data": [json]})).expect("a list") {
            prop_assert_eq!(serde_json::from_str::<Template>(&serde_json::to_string(&template).unwrap()).ok(), Some(template));
        }
        parse_answer(&json);
        for list in [json!([json]), json] {
            if let Err(text) = parse_config(&list) {
                prop_assert!(text.starts_with("templates") && text.len() < 247 && is_fit_for_a_log(&text), "{:?}", text);
            }
        }
    }
}

/// What a check costs, in the release profile:
/// `cargo test --release --lib -- --ignored --nocapture a_check_costs_less_than_five_microseconds`.
#[test]
#[ignore = "a benchmark"]
fn a_check_costs_less_than_five_microseconds() {
    let template = template(&["thing1", "date2", "character_string3", "amount4", "phrase5"]);
    let good = [
        ("thing1", "体力已满，快来领取今天的奖励吧（限时）"),
        ("date2", "2026年11月24日 15:01~16:01"),
        ("character_string3", "NO.20261124-000123456789"),
        ("amount4", "¥1234.50元"),
        ("phrase5", "已经完成"),
    ];
    let mut faulty = good;
    faulty[0].1 = "体力已经完全恢复，快回到游戏里来领取今天的奖励";
    faulty[4].1 = "完成!";
    for (what, data, mode) in [
        ("a good message", good, Mode::Strict),
        ("one with two faults", faulty, Mode::Strict),
        ("a good message, truncate", good, Mode::Truncate),
    ] {
        let round = |checks: u32| {
            let started = std::time::Instant::now();
            for _ in 0..checks {
                std::hint::black_box(check(&template, std::hint::black_box(data), mode));
            }
            started.elapsed().as_nanos() as f64 / f64::from(checks)
        };
        round(10_000);
        // The fastest of many short rounds: what else the machine does is not the check's cost.
        let fastest = (0..50).map(|_| round(2_000)).fold(f64::MAX, f64::min);
        println!("{what}: {fastest:.0} ns");
        assert!(cfg!(debug_assertions) || fastest < 5_000.0, "{what}: {fastest:.0} ns");
    }
}
