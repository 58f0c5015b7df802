//! Ids of players and templates, which game clients hand in.

use crate::error::{Error, Status};
use crate::json::BOM;

/// The longest openid or template id that is taken, in bytes; WeChat's have 28 and 43 characters.
pub const MAX_ID: usize = 128;

/// Checks an openid or a template id, called `name` in the text.
///
/// # Errors
/// [`Status::Arg`] for what is none of WeChat's in any case: empty, too long, or with white space or control characters.
pub fn check_id(name: &str, id: &str) -> Result<(), Error> {
    let wrong = if id.is_empty() {
        format!("{name} is empty")
    } else if id.len() > MAX_ID {
        format!("{name} is {} bytes long, at most {MAX_ID} are allowed", id.len())
    } else if id.contains(BOM) {
        format!("{name} {id:?} holds a byte order mark (U+FEFF): a file was read with it")
    } else if id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        format!("{name} {id:?} holds white space or a control character")
    } else {
        return Ok(());
    };
    Err(Error::new(Status::Arg, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let longest = "o".repeat(MAX_ID);
        for id in ["o6zAJs7VQYqlGPyBaqCvTu_-Kx9E", "SYS_MSG_TYPE_RANK", "玩家", longest.as_str()] {
            assert!(check_id("openid", id).is_ok(), "{id}");
        }
        let long = "o".repeat(MAX_ID + 1);
        for (id, part) in [
            ("", "openid is empty"),
            (&long, "openid is 129 bytes long, at most 128"),
            ("o1 ", "openid \"o1 \" holds white space"),
            ("o1\n", "openid \"o1\\n\" holds white space"),
            ("o\u{3000}1", "white space"),
            ("o\u{0}1", "control character"),
            ("\u{feff}o1", "byte order mark"),
        ] {
            let e = check_id("openid", id).expect_err(id);
            assert!(e.status == Status::Arg && e.message.contains(part) && e.message.len() < 248, "{id:?}: {e}");
        }
    }
}
