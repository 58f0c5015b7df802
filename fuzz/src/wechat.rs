//! Any answer of WeChat's, to any of its endpoints, as a body or as raw bytes on the wire: a verdict, within the
//! deadline, that does not say "not sent" of what was sent, and a count that stays right.

use std::ffi::CString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::{Client, Kept, MARK, Out, check, quotes_mark, text};
use wxsub::ffi::*;

/// Which endpoint's answer is replaced, whether the whole of it or its body, and by what.
#[derive(Clone, Default)]
struct Answer {
    endpoint: &'static str,
    raw: bool,
    bytes: Vec<u8>,
}

struct Server {
    port: u16,
    next: Mutex<Answer>,
}

const ENDPOINTS: [&str; 4] =
    ["/cgi-bin/message/subscribe/send", "/cgi-bin/stable_token", "/wxaapi/newtmpl/gettemplate", "/sns/jscode2session"];

fn server() -> &'static Server {
    static SERVER: OnceLock<&'static Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server: &'static Server = Box::leak(Box::new(Server { port, next: Mutex::default() }));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                std::thread::spawn(move || server.serve(connection));
            }
        });
        server
    })
}

impl Server {
    fn serve(&self, connection: TcpStream) -> Option<()> {
        connection.set_nodelay(true).ok()?;
        let mut reader = BufReader::new(connection.try_clone().ok()?);
        let mut writer = connection;
        loop {
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
                if line.trim().is_empty() {
                    break;
                }
                if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().ok()?;
                }
            }
            std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink()).ok()?;
            let next = self.next.lock().unwrap().clone();
            if !next.endpoint.is_empty() && first.contains(next.endpoint) {
                if next.raw {
                    writer.write_all(&next.bytes).ok()?;
                    return None;
                }
                Self::say(&mut writer, &next.bytes)?;
            } else {
                Self::say(&mut writer, good(&first).as_bytes())?;
            }
        }
    }

    fn say(writer: &mut TcpStream, body: &[u8]) -> Option<()> {
        let mut all = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        all.extend_from_slice(body);
        writer.write_all(&all).ok()
    }
}

fn good(request: &str) -> String {
    match ENDPOINTS.iter().position(|e| request.contains(e)) {
        Some(0) => r#"{"errcode":0,"errmsg":"ok","msgid":7}"#.to_owned(),
        // Another one each time, since some answers say that one is dead.
        Some(1) => format!(r#"{{"access_token":"{MARK}{}","expires_in":7200}}"#, next_number()),
        Some(2) => r#"{"errcode":0,"errmsg":"ok","data":[{"priTmplId":"T","title":"t","content":"a:{{thing1.DATA}}\n","example":"a:x\n","type":2}]}"#.to_owned(),
        Some(3) => r#"{"openid":"o","session_key":"k","unionid":"u"}"#.to_owned(),
        _ => r#"{"errcode":-1}"#.to_owned(),
    }
}

static KEPT: Kept = Kept::new();

fn open(timeout_ms: u32, more: &str) -> Client {
    let port = server().port;
    Client::open(&format!(
        r#"{{"appid":"wx1","secret":"{MARK}","store":":memory:","api_base":"http://127.0.0.1:{port}","max_attempts":1,
            "timeout_ms":{timeout_ms},"durability":"normal"{more}}}"#
    ))
    .unwrap_or_else(|r| panic!("{}", text(&r.message)))
}

fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn answer(with: Answer) {
    *server().next.lock().unwrap() = with;
}

/// One input.
pub fn run(data: &[u8]) {
    if quotes_mark(data) {
        return;
    }
    let Some((shape, bytes)) = data.split_first() else { return };
    let (endpoint, raw) = [(0, false), (0, true), (0, false), (3, false), (3, true), (1, false), (2, false), (1, true)]
        [usize::from(shape & 7)];
    answer(Answer { endpoint: ENDPOINTS[endpoint], raw, bytes: bytes.to_vec() });
    match endpoint {
        // Another template each time, since some answers say that one is banned.
        0 => KEPT.with(|| open(2000, r#","templates":"off""#), |client| send(client, &format!("T{}", next_number()))),
        3 => KEPT.with(|| open(2000, r#","templates":"off""#), login),
        // These answers are kept, so each run needs a client of its own; it waits out its time after a bad one.
        _ => {
            let client = open(60, "");
            send(&client, "T");
            let mut out = Out::new();
            // SAFETY: pointers to what their types say.
            check(unsafe { wxsub_check(client.0, out.pointer()) }, &out);
        }
    }
    answer(Answer::default());
}

fn login(client: &Client) {
    // SAFETY: any bits are a wxsub_identity; pointers to what their types say.
    unsafe {
        let mut who: wxsub_identity = std::mem::zeroed();
        who.struct_size = size_of::<wxsub_identity>() as u32;
        let mut out = Out::new();
        let status = wxsub_login(client.0, c"code".as_ptr(), &mut who, out.pointer());
        // An id that is longer than the struct's field is told as such.
        if status != WXSUB_E_INTERNAL {
            check(status, &out);
        }
        if status == WXSUB_OK {
            assert!(!text(&who.openid).is_empty());
            let _ = (text(&who.unionid), text(&who.session_key));
        }
    }
}

fn send(client: &Client, template_id: &str) {
    // Another player each time, so that a maybe keeps nobody's turn.
    let player = format!("o{}", next_number());
    let openid = CString::new(player.as_str()).unwrap();
    let message = format!(r#"{{"touser":"{player}","template_id":"{template_id}","data":{{"thing1":"x"}}}}"#);
    let template_id = CString::new(template_id).unwrap();
    let message = CString::new(message).unwrap();
    let started = std::time::Instant::now();
    // SAFETY: pointers to what their types say.
    unsafe {
        let mut out = Out::new();
        assert_eq!(
            wxsub_report(client.0, openid.as_ptr(), template_id.as_ptr(), 1, std::ptr::null(), out.pointer()),
            WXSUB_OK
        );
        let mut out = Out::new();
        let r = check(wxsub_send(client.0, message.as_ptr(), std::ptr::null(), out.pointer()), &out);
        let left = client.quota(&openid, &template_id);
        let wanted = match r.status {
            WXSUB_OK | WXSUB_E_REFUSED => Some(0),
            // A list of templates may say that T is on or off: then it is not deducted.
            _ => Some(1),
        };
        assert!(
            left == wanted || r.status == WXSUB_OK && r.quota == WXSUB_QUOTA_UNTOUCHED,
            "{left:?} {}",
            text(&r.message)
        );
    }
    assert!(started.elapsed() < Duration::from_secs(20), "some seconds after its deadline");
}
