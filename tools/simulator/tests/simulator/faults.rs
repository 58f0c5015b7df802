//! What goes wrong on purpose, and whether WeChat did its part before.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::{Game, agent, message, send_path};
use wxsub_simulator::{Endpoint, Fault, Options, Outcome};

fn game() -> Game {
    Game::with(Options { initial_grants: 100, ..Options::default() })
}

#[test]
fn errcodes_in_order_then_normal_again() {
    let game = game();
    game.wechat.arm(Fault::errcode(-1).on(Endpoint::Send).times(2));
    game.wechat.arm(Fault::errcode(45011).on(Endpoint::Send));
    assert_eq!(game.wechat.faults()[0].times, Some(2));
    assert_eq!([(); 4].map(|()| game.send("o", "t").errcode()), [-1, -1, 45011, 0]);
    assert!(game.wechat.faults().is_empty());
    assert_eq!(game.wechat.remaining("o", "t"), 99);
    assert_eq!(game.wechat.counters().faults, 3);
}

#[test]
fn filters() {
    let game = game();
    game.wechat.arm(Fault::errcode(43107).template("banned").forever());
    game.wechat.arm(Fault::errcode(50002).openid("limited").forever());
    game.wechat.arm(Fault::errcode(-1).on(Endpoint::GetTemplate).forever());
    assert_eq!(game.send("o", "t").errcode(), 0);
    assert_eq!(game.send("o", "banned").errcode(), 43107);
    assert_eq!(game.send("limited", "t").errcode(), 50002);
    assert_eq!(game.get(&format!("/wxaapi/newtmpl/gettemplate?access_token={}", game.token())).errcode(), -1);
    game.wechat.clear_faults();
    assert_eq!(game.send("o", "banned").errcode(), 0);
    game.wechat.arm(Fault::errcode(40164).on(Endpoint::StableToken));
    let refused = game.stable(false);
    assert!(refused.errmsg().starts_with("invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist rid: "));
}

#[test]
fn whether_it_was_applied() {
    let game = game();
    let faults = [
        Fault::errcode(-1),
        Fault::close(),
        Fault::reset(),
        Fault::garbage("<oops>"),
        Fault::http(504, ""),
        Fault::empty(),
        Fault::cut(),
        Fault::raw("SMTP ready\r\n"),
    ];
    for fault in faults {
        let name = fault.kind.name();
        let before = game.wechat.remaining("o", "t");
        game.wechat.arm(fault.clone().on(Endpoint::Send));
        let _ = game.try_send("o", "t");
        assert_eq!(game.wechat.remaining("o", "t"), before, "{name}");
        game.wechat.arm(fault.on(Endpoint::Send).applied());
        let _ = game.try_send("o", "t");
        assert_eq!(game.wechat.remaining("o", "t"), before - 1, "{name} applied");
        let last = game.wechat.sends_to("o").pop().unwrap();
        assert_eq!(last.fault.as_deref(), Some(name));
        assert_eq!(last.msgid, game.wechat.deliveries().last().map(|d| d.msgid), "{name}");
    }
}

#[test]
fn unreadable_answers() {
    let game = game();
    let meet = |fault: Fault| {
        game.wechat.arm(fault.on(Endpoint::Send));
        game.send("o", "t")
    };
    let garbage = meet(Fault::garbage([0xff, 0x00, 0x7b]));
    assert_eq!((garbage.status, garbage.body.as_slice()), (200, [0xff, 0x00, 0x7b].as_slice()));
    let page = meet(Fault::http(502, ""));
    assert_eq!((page.status, page.content_type.as_str()), (502, "text/html"));
    assert!(page.body.starts_with(b"<html>"));
    let empty = meet(Fault::empty());
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    let string = meet(Fault::errcode_as_string(Some(43101))).json();
    assert_eq!(string["errcode"], "43101");
    let string = meet(Fault::errcode_as_string(None)).json();
    assert_eq!((&string["errcode"], string["msgid"].is_i64()), (&"0".into(), true));
    let broken = meet(Fault::broken_errmsg(Some(43101)));
    assert!(serde_json::from_slice::<serde_json::Value>(&broken.body).is_err());
    assert!(std::str::from_utf8(&broken.body).is_err());
    assert!(broken.body.starts_with(br#"{"errcode":43101,"#));
    let broken = meet(Fault::broken_errmsg(None));
    assert!(broken.body.starts_with(br#"{"errcode":0,"#));
    assert!(String::from_utf8_lossy(&broken.body).contains(r#","msgid":2400000000000000002}"#));
    assert_eq!(game.wechat.deliveries().len(), 2);
}

#[test]
fn http_status_and_text_of_an_errcode() {
    let game = game();
    let kind = wxsub_simulator::FaultKind::Errcode { errcode: -1, errmsg: Some("busy here".into()), status: 503 };
    game.wechat.arm(Fault::new(kind).on(Endpoint::Send));
    let answer = game.send("o", "t");
    assert_eq!((answer.status, answer.errcode()), (503, -1));
    assert!(answer.errmsg().starts_with("busy here rid: "));
}

#[test]
fn on_the_wire() {
    let game = game();
    let meet = |fault: Fault| {
        let request = game.raw_send("o", "t");
        game.wechat.arm(fault.on(Endpoint::Send));
        game.raw(&request)
    };
    assert_eq!(meet(Fault::close()).unwrap(), b"");
    assert_eq!(meet(Fault::reset()).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(meet(Fault::raw("SMTP ready\r\n")).unwrap(), b"SMTP ready\r\n");
    let cut = String::from_utf8(meet(Fault::cut().applied()).unwrap()).unwrap();
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-length: 55"), "{cut}");
    assert_eq!(body, r#"{"errcode":0,"errmsg":"ok","#);
}

#[test]
fn a_fresh_connection_is_reset_before_its_request_is_read() {
    let game = game();
    let request = game.raw_send("o", "t");
    game.wechat.arm(Fault::reset());
    let error = game.raw(&request).unwrap_err().kind();
    assert!(matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    assert!(game.wechat.sends_to("o").is_empty());
    assert!(game.wechat.faults().is_empty());
}

#[test]
fn a_control_call_is_not_reset() {
    let game = game();
    game.wechat.arm(Fault::reset());
    assert!(
        game.raw(b"GET /sim/counters HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .unwrap()
            .starts_with(b"HTTP/1.1 200")
    );
    assert_eq!(game.wechat.faults().len(), 1);
}

#[test]
fn a_stalled_send_is_in_progress_until_the_caller_leaves() {
    let game = game();
    let token = game.token();
    game.wechat.arm(Fault::stall().on(Endpoint::Send).applied());
    let mut caller = game.connect();
    caller.write_all(&game.raw_send("o", "t")).unwrap();
    assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.delivered == 1));
    assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 43108);
    assert_eq!(game.send_with(&token, &message("p", "t")).errcode(), 0);
    caller.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(matches!(caller.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert_eq!(game.wechat.sends_to("o")[0].outcome, Outcome::Pending);
    drop(caller);
    assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.sends_in_progress == 0));
    assert_eq!(game.wechat.sends_to("o")[0].outcome, Outcome::Abandoned);
    assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 0);
}

#[test]
fn a_delayed_send_decides_late_even_if_the_caller_left() {
    let game = game();
    let token = game.token();
    game.wechat.arm(Fault::delay(1000).on(Endpoint::Send));
    let impatient = agent(Duration::from_millis(80));
    let url = format!("{}{}", game.wechat.url(), send_path(&token));
    assert!(impatient.post(&url).send(message("o", "t").to_string()).is_err());
    // On a busy machine the second one may come after the first was decided.
    let second = game.send_with(&token, &message("o", "t")).errcode();
    let delivered = if second == 0 { 2 } else { 1 };
    assert!(matches!(second, 0 | 43108), "{second}");
    assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.delivered == delivered));
    assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.sends_in_progress == 0));
    assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 0);
}

#[test]
fn an_applied_delay_decides_on_receipt() {
    let game = Game::start();
    let token = game.token();
    game.wechat.arm(Fault::delay(250).on(Endpoint::Send).applied());
    std::thread::scope(|s| {
        let start = Instant::now();
        let slow = s.spawn(|| game.send_with(&token, &message("o", "t")).errcode());
        assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.sends_in_progress == 1));
        // An accept that comes while a refusal is under way is not taken by it.
        game.wechat.grant("o", "t", 1);
        assert_eq!(slow.join().unwrap(), 43101);
        assert!(start.elapsed() >= Duration::from_millis(250));
    });
    assert_eq!(game.wechat.remaining("o", "t"), 1);
}

#[test]
fn a_delay_can_precede_another_fault() {
    let game = game();
    let token = game.token();
    game.wechat.arm(Fault::errcode(-1).on(Endpoint::Send).after_ms(100));
    let start = Instant::now();
    assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), -1);
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn an_answer_that_trickles() {
    let game = game();
    let token = game.token();
    game.wechat.arm(Fault::drip(3).on(Endpoint::Send));
    let start = Instant::now();
    assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 0);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[test]
fn overlapping_sends_meet_no_fault() {
    let game = game();
    let token = game.token();
    game.wechat.arm(Fault::delay(200).on(Endpoint::Send));
    game.wechat.arm(Fault::errcode(-1).on(Endpoint::Send));
    std::thread::scope(|s| {
        let slow = s.spawn(|| game.send_with(&token, &message("o", "t")).errcode());
        assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.sends_in_progress == 1));
        assert_eq!(game.send_with(&token, &message("o", "t")).errcode(), 43108);
        assert_eq!(game.send_with(&token, &message("p", "t")).errcode(), -1);
        assert_eq!(slow.join().unwrap(), 0);
    });
}

#[test]
fn token_faults() {
    let game = game();
    game.wechat.arm(Fault::close().on(Endpoint::StableToken).times(1));
    assert!(game.try_post("/cgi-bin/stable_token", game.credentials(false).to_string().as_bytes()).is_err());
    assert_eq!(game.stable(false).errcode(), 0);
    game.wechat.arm(Fault::errcode(-1).on(Endpoint::Token));
    assert_eq!(game.get("/cgi-bin/token?appid=x").errcode(), -1);
}

#[test]
fn offline_refuses_connections_and_comes_back_on_the_same_port() {
    let game = game();
    game.token();
    game.wechat.set_offline(true);
    let refused = TcpStream::connect(("127.0.0.1", game.wechat.port())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(game.try_get("/cgi-bin/token").is_err());
    game.wechat.set_offline(false);
    assert_eq!(game.send("o", "t").errcode(), 0);
}

#[test]
fn dropped_connections() {
    let game = game();
    for over_http in [false, true] {
        let mut idle: Vec<_> = (0..20).map(|_| game.connect()).collect();
        assert!(game.wechat.wait_for(Duration::from_secs(5), |c| c.open_connections >= 20));
        if over_http {
            game.sim("connections/drop", &serde_json::json!({}));
        } else {
            game.wechat.drop_connections();
        }
        assert!(game.wechat.counters().open_connections < 20, "it returned before they were closed");
        idle.iter_mut().for_each(|idle| assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0));
    }
    assert_eq!(game.send("o", "t").errcode(), 0);
}

#[test]
fn idle_connections_are_closed() {
    let game = Game::with(Options { idle_timeout: Duration::from_millis(200), ..Options::default() });
    let mut socket = game.connect();
    let start = Instant::now();
    socket.write_all(b"GET /cgi-bin/token HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut all = Vec::new();
    socket.read_to_end(&mut all).unwrap();
    assert!(String::from_utf8_lossy(&all).contains("41002"), "{}", String::from_utf8_lossy(&all));
    assert!((200..1500).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}
