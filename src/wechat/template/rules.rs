//! One rule per keyword type (wechat-api.md, section 4), as hand-written scanners.

use super::fault::Problem;

/// What a value may be, by the type in its key.
///
/// The table of section 4, with these readings where it leaves room (in doubt, pass):
///
/// - Lengths count Unicode code points and are inclusive, so an emoji of several code points counts several times.
/// - "Chinese" in a refusal means Han ideographs and nothing else. Chinese punctuation and full-width forms are
///   symbols; kana, Hangul and others pass wherever they are not surely wrong.
/// - Control characters and the line separators U+2028 and U+2029 are refused in all types that hold text.
/// - Numbers and dates are ASCII: the one report on full-width characters there (`～`) is a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `thing`: up to 20 characters of any kind.
    Thing,
    /// `short_thing`: up to 5 characters of any kind.
    ShortThing,
    /// `number`: up to 32 digits before the point and, in doubt, as many after it; a sign passes.
    Number,
    /// `letter`: up to 32 letters, of any script but Chinese.
    Letter,
    /// `symbol`: up to 5 characters that are not Chinese, ASCII letters or ASCII digits.
    Symbol,
    /// `character_string`: up to 32 characters that are not Chinese.
    CharacterString,
    /// `time`: `15:01` or `15:01:30`, with or without a date before it; or two of them joined by `~`.
    Time,
    /// `date`: a date, with or without a time after it; or two of them joined by `~`.
    Date,
    /// `amount`: up to 10 digits before the point and, in doubt, as many after it; a currency sign, a `-` or `+`, and
    /// 元 at the end pass.
    Amount,
    /// `phone_number`: up to 17 characters that are not letters of any script.
    PhoneNumber,
    /// `car_number`: up to 8 ASCII letters and digits; the first and the last may be Chinese.
    CarNumber,
    /// `name`: up to 10 characters if one is Chinese, else up to 20; no ASCII digits.
    Name,
    /// `phrase`: up to 5 Chinese characters.
    Phrase,
    /// `enum`, `enum_string` and whatever else begins with `enum`: one of the template's listed values, where it
    /// lists any.
    Enum,
    /// `const`: as in the template; what that asks is not known, so anything passes.
    Const,
    /// A type that this version does not know: anything passes.
    Other,
}

impl Rule {
    /// The rule of a key: its type is what stands before the digits at its end.
    pub fn of_key(key: &str) -> Rule {
        match key.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "thing" => Rule::Thing,
            "short_thing" => Rule::ShortThing,
            "number" => Rule::Number,
            "letter" => Rule::Letter,
            "symbol" => Rule::Symbol,
            "character_string" => Rule::CharacterString,
            "time" => Rule::Time,
            "date" => Rule::Date,
            "amount" => Rule::Amount,
            "phone_number" => Rule::PhoneNumber,
            "car_number" => Rule::CarNumber,
            "name" => Rule::Name,
            "phrase" => Rule::Phrase,
            "const" => Rule::Const,
            other if other.starts_with("enum") => Rule::Enum,
            _ => Rule::Other,
        }
    }

    /// The longest value, in characters (digits for a number or an amount); `None` where the type sets no length.
    /// For `name` it is the longest without Chinese: 10 with it.
    pub fn limit(self) -> Option<usize> {
        match self {
            Rule::Thing | Rule::Name => Some(20),
            Rule::ShortThing | Rule::Symbol | Rule::Phrase => Some(5),
            Rule::Number | Rule::Letter | Rule::CharacterString => Some(32),
            Rule::Amount => Some(10),
            Rule::PhoneNumber => Some(17),
            Rule::CarNumber => Some(8),
            Rule::Time | Rule::Date | Rule::Enum | Rule::Const | Rule::Other => None,
        }
    }

    /// Whether a value that is too long may be cut: only free text in which `…` itself is legal.
    pub(super) fn can_be_cut(self) -> bool {
        matches!(self, Rule::Thing | Rule::ShortThing | Rule::Name)
    }

    /// What the limit counts, for a fault's text.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Rule::Number | Rule::Amount => "digits",
            _ => "characters",
        }
    }

    /// The rule in words, where it is what refused this character.
    pub(super) fn summary(self, c: char) -> Option<&'static str> {
        match self {
            _ if is_line_control(c) => None,
            Rule::Letter => Some("letter: up to 32 letters"),
            Rule::Symbol => Some("symbol: up to 5 symbols"),
            Rule::CharacterString => Some("character_string: up to 32 digits, letters or symbols"),
            Rule::PhoneNumber => Some("phone_number: up to 17 digits or symbols"),
            Rule::CarNumber => Some("car_number: up to 8, Chinese first or last only"),
            Rule::Name => Some("name: up to 10 Chinese characters, or 20 letters or symbols"),
            Rule::Phrase => Some("phrase: up to 5 Chinese characters"),
            _ => None,
        }
    }

    /// What is wrong with a character that this rule refused, to follow "`'a' at 3 `".
    pub(super) fn refusal(self, c: char) -> &'static str {
        match self {
            _ if is_line_control(c) => "is a control character or line break",
            Rule::Time | Rule::Date => "must be a half-width ~",
            Rule::Letter => "is not a letter",
            Rule::Symbol => "is not a symbol",
            Rule::CharacterString => "is Chinese",
            Rule::PhoneNumber => "is not a digit or symbol",
            Rule::CarNumber => "is not a letter or digit",
            Rule::Name => "is a digit",
            Rule::Phrase => "is not Chinese",
            _ => "is not allowed",
        }
    }

    /// Values that pass, for the fault of a whole value, to follow "`"25:01" is not `".
    pub(super) fn examples(self) -> &'static str {
        match self {
            Rule::Time => "a 24-hour time like 15:01 or 2019年10月1日 15:01",
            Rule::Date => "a date like 2019年10月1日 or 2019-10-01 15:01",
            Rule::Amount => "an amount like ¥99.99 or 100元",
            Rule::Number => "a number like 12 or 12.5",
            _ => "allowed",
        }
    }

    /// Whether the character may stand here; `edge`: as the value's first or last one.
    fn allows(self, c: char, edge: bool) -> bool {
        if is_line_control(c) {
            return false;
        }
        match self {
            Rule::Letter => c.is_alphabetic() && !is_han(c),
            Rule::Symbol => !c.is_ascii_alphanumeric() && !is_han(c),
            Rule::CharacterString => !is_han(c),
            Rule::PhoneNumber => !c.is_alphabetic(),
            Rule::CarNumber => c.is_ascii_alphanumeric() || (edge && is_han(c)),
            Rule::Name => !c.is_ascii_digit(),
            Rule::Phrase => is_han(c) || is_near_han(c),
            _ => true,
        }
    }
}

/// What is wrong with a value that is not empty: at most two things, of which the length comes first.
pub(super) fn problems(rule: Rule, value: &str) -> (Option<Problem>, Option<Problem>) {
    let digits = match rule {
        Rule::Enum | Rule::Const | Rule::Other => return (None, None),
        Rule::Time if is_period(value, Point::Time) => return (None, None),
        Rule::Date if is_period(value, Point::Date) => return (None, None),
        Rule::Time | Rule::Date => return (Some(Problem::bad_period(value)), None),
        Rule::Number => decimal_digits(unsigned(value).0),
        Rule::Amount => amount_digits(value),
        _ => return text_problems(rule, value),
    };
    match (digits, rule.limit()) {
        (None, _) => (Some(Problem::bad_form(value)), None),
        (Some(length), Some(limit)) if length > limit => (Some(Problem::TooLong { length, limit }), None),
        _ => (None, None),
    }
}

/// [`problems`] of the types that are judged character by character.
fn text_problems(rule: Rule, value: &str) -> (Option<Problem>, Option<Problem>) {
    let mut length = 0;
    let mut chinese = false;
    let mut refused = None;
    for (start, c) in value.char_indices() {
        length += 1;
        chinese |= is_han(c);
        let edge = start == 0 || start + c.len_utf8() == value.len();
        if refused.is_none() && !rule.allows(c, edge) {
            refused = Some(Problem::BadChar { found: c, at: length });
        }
    }
    let limit = if rule == Rule::Name && chinese { Some(10) } else { rule.limit() };
    let too_long = limit.filter(|limit| length > *limit).map(|limit| Problem::TooLong { length, limit });
    match too_long {
        Some(_) => (too_long, refused),
        None => (refused, None),
    }
}

/// Control characters and line breaks of every kind.
fn is_line_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Surely Chinese: the Han ideographs, planes 2 and 3 included.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Perhaps Chinese: 〇, 々 and the radicals. Good enough where Chinese is wanted, not enough where it is refused.
fn is_near_han(c: char) -> bool {
    matches!(c, '〇' | '々' | '\u{2E80}'..='\u{2FDF}')
}

/// The value without a sign before it, and whether there was one.
fn unsigned(value: &str) -> (&str, bool) {
    match value.strip_prefix(['-', '+']) {
        Some(rest) => (rest, true),
        None => (value, false),
    }
}

/// The longer run of digits before or after the point; `None` where it is not a decimal number.
fn decimal_digits(value: &str) -> Option<usize> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = whole.len().max(fraction.len());
    let pure = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    (pure && digits > 0).then_some(digits)
}

/// [`decimal_digits`] of an amount. The sign may stand on either side of the currency's.
fn amount_digits(value: &str) -> Option<usize> {
    let value = value.strip_suffix('元').unwrap_or(value);
    let (value, signed) = unsigned(value);
    let value = value.strip_prefix(is_currency).unwrap_or(value);
    decimal_digits(if signed { value } else { unsigned(value).0 })
}

fn is_currency(c: char) -> bool {
    matches!(c,
        '$' | '¢'..='¥' | '֏' | '؋' | '৲' | '৳' | '฿' | '៛' | '\u{20A0}'..='\u{20CF}' | '\u{FDFC}' | '﹩' | '＄'
        | '￠' | '￡' | '￥' | '￦')
}

/// What the two ends of a period may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Point {
    /// A time, with or without a date before it; or a date alone.
    Time,
    /// A date, with or without a time after it.
    Date,
}

/// One point in time, or two joined by a half-width `~`, with or without spaces around it.
fn is_period(value: &str, kind: Point) -> bool {
    let mut scan = Scan { rest: value };
    if !scan.point(kind) {
        return false;
    }
    let alone = scan.rest.is_empty();
    scan.spaces();
    if !scan.eat('~') {
        return alone;
    }
    scan.spaces();
    // `2019年10月1日 15:01~16:00`: the day need not be named twice.
    let second = Scan { rest: scan.rest }.ends_after(|scan| scan.point(kind));
    second || scan.ends_after(Scan::clock)
}

/// A cursor over a value.
struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn ends_after(mut self, part: impl FnOnce(&mut Self) -> bool) -> bool {
        part(&mut self) && self.rest.is_empty()
    }

    /// How many ASCII digits stand here.
    fn digits(&self) -> usize {
        self.rest.bytes().take_while(u8::is_ascii_digit).count()
    }

    /// A number of one or two digits.
    fn small(&mut self) -> Option<u8> {
        let length = self.digits();
        if !(1..=2).contains(&length) {
            return None;
        }
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        digits.parse().ok()
    }

    fn small_in(&mut self, range: std::ops::RangeInclusive<u8>) -> bool {
        self.small().is_some_and(|number| range.contains(&number))
    }

    fn point(&mut self, kind: Point) -> bool {
        let start = self.rest;
        if kind == Point::Time && self.clock() {
            return true;
        }
        self.rest = start;
        if !self.date() {
            return false;
        }
        let after_date = self.rest;
        // No space is needed after 日, and none can lack after a number: it would have taken the hour in.
        self.spaces();
        if self.clock() {
            return true;
        }
        // A date alone is in use in live templates for either kind (section 4).
        self.rest = after_date;
        true
    }

    /// `15:01`, `15:01:30`; one digit for the hour and 24:00 pass, in doubt.
    fn clock(&mut self) -> bool {
        let Some(hour @ 0..=24) = self.small() else {
            return false;
        };
        let sixtieth = if hour == 24 { 0..=0 } else { 0..=59 };
        let minute = self.eat(':') && self.digits() == 2 && self.small_in(sixtieth.clone());
        minute && (!self.eat(':') || (self.digits() == 2 && self.small_in(sixtieth)))
    }

    /// `2019年10月1日`, `2019年10月`, `10月1日`, or the same joined by `-`, `/` or `.`. Days are not held against
    /// the month's length: whether WeChat does is not known.
    fn date(&mut self) -> bool {
        let with_year = self.digits() == 4;
        if with_year {
            self.rest = &self.rest[4..];
            if self.eat('年') {
                return self.small_in(1..=12) && self.eat('月') && (self.digits() == 0 || self.chinese_day());
            }
        } else if !self.small_in(1..=12) {
            return false;
        } else if self.eat('月') {
            return self.chinese_day();
        }
        let Some(joint) = ['-', '/', '.'].into_iter().find(|joint| self.eat(*joint)) else {
            return false;
        };
        if with_year {
            self.small_in(1..=12) && (!self.eat(joint) || self.small_in(1..=31))
        } else {
            self.small_in(1..=31)
        }
    }

    fn chinese_day(&mut self) -> bool {
        self.small_in(1..=31) && self.eat('日')
    }
}
