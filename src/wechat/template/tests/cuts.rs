//! Texts that are too long are cut.

use super::*;

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
