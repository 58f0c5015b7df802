//! Cutting a text without cutting what the player sees as one character.

/// The last character of a value that was cut.
const ELLIPSIS: char = '…';

/// The beginning of `value` with `…`, together at most `limit` characters; `None` where nothing of it would be left.
///
/// Combining marks, variation selectors, skin tones, keycaps, flags and emoji joined by U+200D stay with what they belong
/// to. (The general rule is Unicode's grapheme cluster; this is the part of it that chat text meets, without its tables.)
pub(super) fn shorten(value: &str, limit: usize) -> Option<String> {
    let longest = value.char_indices().nth(limit.checked_sub(1)?)?.0;
    let end = (1..=longest).rev().find(|&at| value.is_char_boundary(at) && separates(value, at))?;
    let mut cut = String::with_capacity(end + ELLIPSIS.len_utf8());
    cut.push_str(&value[..end]);
    cut.push(ELLIPSIS);
    Some(cut)
}

/// Whether what stands before and after this byte can be torn apart.
fn separates(value: &str, at: usize) -> bool {
    let (before, after) = value.split_at(at);
    let Some(next) = after.chars().next() else {
        return true;
    };
    if extends(next) || before.ends_with(joins) {
        return false;
    }
    // Flags are pairs of regional indicators, so an odd run before means that the pair is open.
    !is_flag_half(next) || before.chars().rev().take_while(|c| is_flag_half(*c)).count() % 2 == 0
}

/// Whether the character draws the next one to it: U+200D, and the signs that stack consonants.
fn joins(c: char) -> bool {
    match c {
        '\u{200D}' | '\u{1039}' | '\u{17D2}' => true,
        '\u{900}'..='\u{DFF}' => u32::from(c) % 0x80 == 0x4D,
        _ => false,
    }
}

fn is_flag_half(c: char) -> bool {
    matches!(c, '\u{1F1E6}'..='\u{1F1FF}')
}

/// Whether the character belongs to the one before it.
fn extends(c: char) -> bool {
    match c {
        // Latin, Cyrillic, Hebrew and Arabic marks.
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5C7}' | '\u{610}'..='\u{61A}' => true,
        '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{6D6}'..='\u{6DC}' | '\u{6DF}'..='\u{6E4}' => true,
        // The scripts of India share one layout of 128 places.
        '\u{900}'..='\u{DFF}' => {
            matches!(u32::from(c) % 0x80, 0x00..=0x03 | 0x3A..=0x3C | 0x3E..=0x4F | 0x51..=0x57 | 0x62..=0x63)
        }
        // Thai, Lao, Tibetan, Burmese and Khmer vowels and marks.
        '\u{E31}' | '\u{E34}'..='\u{E3A}' | '\u{E47}'..='\u{E4E}' => true,
        '\u{EB1}' | '\u{EB4}'..='\u{EBC}' | '\u{EC8}'..='\u{ECE}' => true,
        '\u{F35}' | '\u{F37}' | '\u{F39}' | '\u{F71}'..='\u{F84}' | '\u{F8D}'..='\u{FBC}' => true,
        '\u{102B}'..='\u{103E}' | '\u{17B4}'..='\u{17D3}' => true,
        // The second and third part of a Hangul syllable spelt out.
        '\u{1160}'..='\u{11FF}' | '\u{D7B0}'..='\u{D7FF}' => true,
        // Marks for any script, for symbols, and for kana.
        '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}' => true,
        '\u{302A}'..='\u{302F}' | '\u{3099}'..='\u{309A}' | '\u{FF9E}'..='\u{FF9F}' => true,
        // Joiners, variation selectors, skin tones, and the tags of regional flags.
        '\u{200C}'..='\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}' => true,
        '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}' => true,
        _ => false,
    }
}
