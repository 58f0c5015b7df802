//! The one table of errcodes: what each means for the caller, the count and the next try. Nobody else knows a code.

use crate::error::Status;

/// Who answered with the code; a few mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `message/subscribe/send`, and `gettemplate`.
    Send,
    /// `stable_token` and `token`.
    Token,
    /// `jscode2session`.
    Login,
}

/// What the library itself does about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The token is dead: get another and send once more; WeChat refused the request unread.
    NewToken,
    /// Nothing was done: try again within the deadline.
    Retry,
    /// The player allows nothing of what was granted before.
    Clear,
    /// The template is banned: stop trying it for a while.
    Ban,
    /// Tell the caller.
    Report,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The verdict when it is final.
    pub status: Status,
    /// What the library does about it.
    pub recovery: Recovery,
    /// The first pause before another try, ours or the caller's, in milliseconds; 0 where another try is no use.
    pub pause_ms: u32,
    /// What happened and what to do.
    pub advice: &'static str,
}

const fn row(status: Status, recovery: Recovery, pause_ms: u32, advice: &'static str) -> Rule {
    Rule { status, recovery, pause_ms, advice }
}

const MINUTE: u32 = 60_000;
const HOUR: u32 = 60 * MINUTE;

/// What this code means there (wechat-api: sections 2 and 3). Unknown codes are `WXSUB_E_WECHAT`, never retried.
pub fn rule(endpoint: Endpoint, errcode: i32) -> Rule {
    use Recovery::*;
    use Status::*;

    let with_secret = endpoint != Endpoint::Send;
    match errcode {
        -1 => row(Busy, Retry, 200, "WeChat is busy; try again shortly"),
        45009 => {
            row(Busy, Report, HOUR, "the daily limit of this API is used up; it is renewed at midnight, Beijing time")
        }
        45011 => row(Busy, Retry, 1000, "the limit per minute is reached; try again in a minute"),
        43108 => row(Busy, Retry, 100, "another send to this player was running at WeChat; try again shortly"),

        40001 | 40125 if with_secret => {
            row(Auth, Report, 0, "WeChat does not know this secret: compare \"secret\" with the console")
        }
        40001 | 40014 | 42001 => row(Auth, NewToken, 0, "WeChat refuses the access token"),
        41001 => row(Auth, Report, 0, "WeChat saw no access token; does a proxy drop the query string?"),
        40013 => row(Auth, Report, 0, "WeChat does not know this appid: compare \"appid\" with the console"),
        40125 => row(Auth, Report, 0, "WeChat does not know this secret: compare \"secret\" with the console"),
        40164 => row(Auth, Report, 0, "this server's IP is not in the account's IP list: add it in the console"),
        41002 => row(Auth, Report, 0, "WeChat saw no appid; does a proxy drop the query string or body?"),
        41004 => row(Auth, Report, 0, "WeChat saw no secret; does a proxy drop the query string or body?"),
        40243 => row(Auth, Report, 0, "the secret is frozen: its owner can unfreeze or renew it in the console"),
        50004 | 50007 => row(Auth, Report, 0, "the account is frozen: see the console"),
        61024 => row(Auth, Report, 0, "this account gets tokens through its third-party platform only"),
        89501 | 89503 | 89506 | 89507 => {
            row(Auth, Report, 0, "WeChat asks the account's administrator to confirm this server's IP")
        }
        48001 => row(Auth, Report, 0, "the account has no permission for this API: see the console"),
        61007 => row(Auth, Report, 0, "the third-party platform lacks the permission for this API"),

        40029 => row(
            Wechat,
            Report,
            0,
            "the login code is another appid's (is the game built with the configured appid?), invalid or too old: let the game call wx.login again",
        ),
        40163 => row(Wechat, Report, 0, "the login code was used before: let the game call wx.login again"),
        40226 => row(Wechat, Report, 0, "WeChat blocks this player's login as high-risk"),

        40003 => row(Message, Report, 0, "touser is not an openid of this appid"),
        40037 => row(
            Message,
            Report,
            0,
            "template_id is not one of this account's templates (or the token is another account's)",
        ),
        40165 => row(Message, Report, 0, "page is not a valid path"),
        41030 => row(
            Message,
            Report,
            0,
            "page is not a published page of the game; while it is being developed, send with miniprogram_state developer or trial",
        ),
        43116 => row(Message, Report, 0, "the template was deleted or blocked: see the console"),
        45168 => row(Message, Report, 0, "the text holds a blocked word"),
        47003 => row(Message, Report, 0, "a value breaks its template's rule"),

        43101 => row(
            Refused,
            Clear,
            0,
            "the player does not allow this message (used up, refused or switched off); ask again",
        ),
        43107 => row(Banned, Ban, 0, "the subscribe-message capability or this template is banned: see the console"),
        50002 => row(Wechat, Report, 0, "the player's account is restricted"),
        40002 | 43002 | 47001 => row(
            Internal,
            Report,
            0,
            "WeChat could not read wxsub's request; does a proxy change it? else please report it",
        ),
        _ => row(Wechat, Report, 0, "WeChat answered with a code that wxsub does not know"),
    }
}

/// Whom a refusal at the token endpoint concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The account.
    Account,
    /// Those who use this secret.
    Secret,
    /// Those whom WeChat sees at this address.
    Machine,
}

/// Whom this code of the token endpoint concerns (docs/wechat-api.md, section 2).
pub fn concern(errcode: i32) -> Concern {
    match errcode {
        40001 | 40125 | 41004 | 40243 => Concern::Secret,
        40164 | 89501 | 89503 | 89506 | 89507 => Concern::Machine,
        _ => Concern::Account,
    }
}

/// Whether a refusal of a send is about its player alone, so that it says nothing of other players' messages.
pub fn is_about_player(errcode: i32) -> bool {
    matches!(errcode, 40003 | 43101 | 43108 | 50002)
}

/// Whether nothing can be sent any more until the next day, Beijing time.
pub fn ends_the_day(errcode: i32) -> bool {
    errcode == 45009
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_documentation() {
        use Status::*;
        for (code, status, recovery) in [
            (-1, Busy, Recovery::Retry),
            (40001, Auth, Recovery::NewToken),
            (40014, Auth, Recovery::NewToken),
            (41001, Auth, Recovery::Report),
            (42001, Auth, Recovery::NewToken),
            (40003, Message, Recovery::Report),
            (40037, Message, Recovery::Report),
            (41030, Message, Recovery::Report),
            (43101, Refused, Recovery::Clear),
            (43107, Banned, Recovery::Ban),
            (43108, Busy, Recovery::Retry),
            (43116, Message, Recovery::Report),
            (45009, Busy, Recovery::Report),
            (45011, Busy, Recovery::Retry),
            (45168, Message, Recovery::Report),
            (47001, Internal, Recovery::Report),
            (47003, Message, Recovery::Report),
            (40165, Message, Recovery::Report),
            (61007, Auth, Recovery::Report),
            (48001, Auth, Recovery::Report),
            (50002, Wechat, Recovery::Report),
            (20001, Wechat, Recovery::Report),
            (99999, Wechat, Recovery::Report),
        ] {
            let r = rule(Endpoint::Send, code);
            assert_eq!((r.status, r.recovery), (status, recovery), "{code}");
            assert!(r.advice.len() < 120, "{code}: the advice must leave room for WeChat's own text");
        }
        for (code, status) in
            [(-1, Busy), (45011, Busy), (40029, Wechat), (40163, Wechat), (40226, Wechat), (40125, Auth)]
        {
            assert_eq!(rule(Endpoint::Login, code).status, status, "{code}");
        }
        for code in [40001, 40125, 40013, 40164, 40243, 41002, 41004, 50004, 50007, 61024, 89503, 89506, 89507, 89501] {
            let r = rule(Endpoint::Token, code);
            assert_eq!((r.status, r.recovery), (Auth, Recovery::Report), "{code}");
        }
    }
}
