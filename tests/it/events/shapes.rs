//! What a push looks like.

use super::*;

#[test]
fn the_address_is_checked() {
    let env = TestEnv::new();
    for more in [plain(), secure()] {
        let client = env.client(more);
        for echostr in ["5940312834517368192", "ab+c/9=="] {
            let query = verification_query(TOKEN, echostr);
            let (reply, verdict) = client.handle_event(&query, b"", 64).unwrap();
            assert_eq!((reply.as_str(), verdict.status, verdict.quota), (echostr, Status::Ok, QuotaChange::Untouched));
            assert_eq!(client.handle_event(&format!("?{query}"), b"", echostr.len()).unwrap().0, echostr);
            let e = client.handle_event(&query, b"", echostr.len() - 1).unwrap_err();
            assert_eq!(e.status, Status::Arg, "{e}");
        }
        assert_refused(client.handle_event(&verification_query("another", "1"), b"", 64), "event.token");
        assert_refused(client.handle_event(&verification_query(TOKEN, "<script>"), b"", 64), "echostr");
        assert_refused(client.handle_event("", b"", 64), "signature is missing");
    }
}

/// Every way to push, times every event: modes, formats, names of the list, one item or two, numbers or strings.
#[test]
fn every_shape_is_read() {
    let env = TestEnv::new();
    let keyless = env.client(merged(plain(), json!({"durability": "normal"})));
    let keyed = env.client(merged(secure(), json!({"durability": "normal"})));
    let mut player = 0;
    for mode in [Mode::Plain, Mode::Mixed, Mode::Secure] {
        for format in [Format::Xml, Format::Json] {
            for list_name in [ListName::List, ListName::Event, ListName::AlwaysPopup] {
                for several in [false, true] {
                    for numbers_as_strings in [false, true] {
                        let clients = match mode {
                            Mode::Plain => vec![&keyless],
                            Mode::Mixed => vec![&keyless, &keyed],
                            Mode::Secure => vec![&keyed],
                        };
                        for client in clients {
                            player += 1;
                            let openid = format!("o{player}");
                            let shaped = |push: Push| Push { mode, format, list_name, numbers_as_strings, ..push };
                            let what = format!("{mode:?} {format:?} {list_name:?} {several} {numbers_as_strings}");
                            three_events(&env, client, &openid, several, &shaped, &what);
                        }
                    }
                }
            }
        }
    }
}
