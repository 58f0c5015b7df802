//! One rule per keyword type (wechat-api.md, section 4), in its own words.

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

/// The longest `name` with Chinese in it, in characters.
pub(super) const CHINESE_NAME: usize = 10;

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
    /// For `name` it is the longest without Chinese: [`CHINESE_NAME`] with it.
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
    pub(super) fn summary(self, c: char) -> Option<String> {
        let limit = self.limit().filter(|_| !is_line_control(c))?;
        let rule = match self {
            Rule::Letter => format!("letter: up to {limit} letters"),
            Rule::Symbol => format!("symbol: up to {limit} symbols"),
            Rule::CharacterString => format!("character_string: up to {limit} digits, letters or symbols"),
            Rule::PhoneNumber => format!("phone_number: up to {limit} digits or symbols"),
            Rule::CarNumber => format!("car_number: up to {limit}, Chinese first or last only"),
            Rule::Name => format!("name: up to {CHINESE_NAME} Chinese characters, or {limit} letters or symbols"),
            Rule::Phrase => format!("phrase: up to {limit} Chinese characters"),
            _ => return None,
        };
        Some(rule)
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
    pub(super) fn allows(self, c: char, edge: bool) -> bool {
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

/// Control characters and line breaks of every kind.
fn is_line_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Surely Chinese: the Han ideographs, planes 2 and 3 included.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Perhaps Chinese: 〇, 々 and the radicals. Good enough where Chinese is wanted, not enough where it is refused.
fn is_near_han(c: char) -> bool {
    matches!(c, '〇' | '々' | '\u{2E80}'..='\u{2FDF}')
}
