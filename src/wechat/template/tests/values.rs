//! What each type takes.

use super::*;

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
