//! Texts of others on a terminal: a player's key must not move its cursor.

/// The text with its control characters spelled out.
pub fn plain(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        // Besides control characters those that turn the direction of what follows.
        if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            made.extend(c.escape_default());
        } else {
            made.push(c);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn control_characters_are_spelled_out_and_nothing_else() {
        assert_eq!(plain("体力 ok-é"), "体力 ok-é");
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{9b}"), "a\\u{1b}[2Jb\\r\\n\\u{9b}");
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b");
    }
}
