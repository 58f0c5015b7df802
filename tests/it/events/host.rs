//! Through the C ABI, and over HTTP.

use super::*;

#[test]
fn the_c_abi_writes_the_reply() {
    let env = TestEnv::new();
    let config = CString::new(env.config(plain())).unwrap();
    let mut client: *mut wxsub_client = ptr::null_mut();
    // SAFETY: a string, a place for the handle, and no result wanted.
    assert_eq!(unsafe { wxsub_init(config.as_ptr(), &mut client, ptr::null_mut()) }, WXSUB_OK);
    let accept = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s())).unwrap();

    for short in [1, 6] {
        let (status, length, buffer, _) = through_c(client, &accept.query, accept.body.as_bytes(), short);
        assert_eq!((status, length, buffer[0]), (WXSUB_E_ARG, 0, 0), "an empty reply, and nothing applied");
    }
    let (status, length, buffer, result) = through_c(client, &accept.query, accept.body.as_bytes(), 7);
    assert_eq!((status, length, &buffer[..7]), (WXSUB_OK, 7, &b"success"[..]));
    assert_eq!((result.quota, result.remaining), (WXSUB_QUOTA_GRANTED, 1));
    // SAFETY: the library ends its strings with NUL.
    let template = unsafe { CStr::from_ptr(result.template_id.as_ptr()) };
    assert_eq!(template.to_str().unwrap(), TEMPLATE);
    let (status, length, buffer, result) = through_c(client, &accept.query, accept.body.as_bytes(), 64);
    assert_eq!((status, length, &buffer[..8], result.flags), (WXSUB_OK, 7, &b"success\0"[..], Verdict::REPLAYED));

    let forged = accept.query.replacen("signature=", "signature=0", 1);
    let (status, length, buffer, result) = through_c(client, &forged, accept.body.as_bytes(), 64);
    assert_eq!((status, length, buffer[0], result.remaining), (WXSUB_E_SIGNATURE, 0, 0, -1));
    let query = verification_query(TOKEN, "5940312834517368192");
    let (status, length, buffer, _) = through_c(client, &query, b"", 64);
    assert_eq!((status, &buffer[..length]), (WXSUB_OK, &b"5940312834517368192"[..]));
    // A host that knows what to answer wants no reply.
    let later = env.wechat.push(&popup("o1", TEMPLATE, "accept", now_s() - 9)).unwrap();
    let (status, _, _, result) = through_c(client, &later.query, later.body.as_bytes(), 0);
    assert_eq!((status, result.remaining), (WXSUB_OK, 2));
    // SAFETY: NULL bodies and a freed handle are allowed.
    unsafe {
        wxsub_free(client);
        let status = wxsub_handle_event(
            client,
            config.as_ptr(),
            ptr::null(),
            0,
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        assert_eq!(status, WXSUB_E_STATE);
    }
}

/// A real address on loopback: the simulator pushes, the host answers 500 until its store works again.
#[test]
fn pushed_over_http_until_the_host_says_success() {
    use std::io::{BufRead, BufReader, Read, Write};

    let env = TestEnv::new();
    let client = env.client(merged(secure(), json!({"timeout_ms": 200})));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/wechat?game=1", listener.local_addr().unwrap());
    let lock = rusqlite::Connection::open(env.store()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let client = &client;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut lock = Some(lock);
            for _ in 0..2 {
                let (mut connection, _) = listener.accept().unwrap();
                connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    lines.push(line.trim().to_owned());
                }
                let length = lines.iter().find_map(|l| {
                    let (name, value) = l.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
                });
                let mut body = vec![0; length.unwrap()];
                reader.read_exact(&mut body).unwrap();
                let target = lines[0].split(' ').nth(1).unwrap();
                let query = target.split_once('?').unwrap().1;
                let (status, reply) = match client.handle_event(query, &body, 64) {
                    Ok((reply, _)) => ("200 OK", reply),
                    Err(_) => ("500 Internal Server Error", String::new()),
                };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", reply.len());
                connection.write_all((head + &reply).as_bytes()).unwrap();
                drop(lock.take());
            }
        });
        let accept = in_mode(&popup("o1", TEMPLATE, "accept", now_s()), Mode::Secure);
        let report = env.wechat.push_to(&accept, &url).unwrap();
        let tries: Vec<Option<u16>> = report.tries.iter().map(|t| t.status).collect();
        assert_eq!((report.accepted, tries), (true, vec![Some(500), Some(200)]));
    });
    assert_eq!(left(client, "o1"), 1);
}
