//! What of a value breaks its [`Rule`], as hand-written scanners.

use super::fault::Problem;
use super::rule::{CHINESE_NAME, Rule, is_han};

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
    let limit = if rule == Rule::Name && chinese { Some(CHINESE_NAME) } else { rule.limit() };
    let too_long = limit.filter(|limit| length > *limit).map(|limit| Problem::TooLong { length, limit });
    match too_long {
        Some(_) => (too_long, refused),
        None => (refused, None),
    }
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
