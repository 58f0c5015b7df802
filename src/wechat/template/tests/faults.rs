//! What is wrong, in words.

use super::*;

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
