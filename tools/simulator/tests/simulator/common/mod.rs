//! A game's server, as far as these tests need one: it talks to the simulator over real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use wxsub_simulator::{Options, Simulator};

pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn errcode(&self) -> i64 {
        self.json()["errcode"].as_i64().unwrap_or(0)
    }

    pub fn errmsg(&self) -> String {
        self.json()["errmsg"].as_str().expect("errmsg").to_owned()
    }
}

pub struct Game {
    pub wechat: Simulator,
    agent: ureq::Agent,
    base: String,
}

impl Game {
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let wechat = Simulator::start(options);
        let base = wechat.url();
        Self { wechat, agent: agent(Duration::from_secs(5)), base }
    }

    pub fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        self.agent.get(format!("{}{path}", self.base)).call().and_then(read)
    }

    pub fn try_post(&self, path: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        self.agent.post(format!("{}{path}", self.base)).send(body).and_then(read)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("an answer")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body.to_string().as_bytes()).expect("an answer")
    }

    /// A control call.
    pub fn sim(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(&format!("/sim/{path}"), body);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()
    }

    pub fn stable(&self, force: bool) -> Answer {
        self.post("/cgi-bin/stable_token", &self.credentials(force))
    }

    pub fn credentials(&self, force: bool) -> Value {
        json!({
            "grant_type": "client_credential",
            "appid": self.wechat.appid(),
            "secret": self.wechat.secret(),
            "force_refresh": force,
        })
    }

    pub fn token(&self) -> String {
        self.stable(false).json()["access_token"].as_str().expect("a token").to_owned()
    }

    pub fn legacy(&self) -> String {
        let path = "/cgi-bin/token?grant_type=client_credential&appid=wx0000000000000000&secret=simulator-secret";
        self.get(path).json()["access_token"].as_str().expect("a token").to_owned()
    }

    pub fn send_with(&self, token: &str, body: &Value) -> Answer {
        self.post(&send_path(token), body)
    }

    pub fn send(&self, openid: &str, template: &str) -> Answer {
        self.send_with(&self.token(), &message(openid, template))
    }

    pub fn try_send(&self, openid: &str, template: &str) -> Result<Answer, ureq::Error> {
        self.try_post(&send_path(&self.token()), message(openid, template).to_string().as_bytes())
    }

    /// A connection of one's own, with a time limit.
    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.wechat.port())).expect("connect");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("timeout");
        socket
    }

    /// The bytes of a send.
    pub fn raw_send(&self, openid: &str, template: &str) -> Vec<u8> {
        let body = message(openid, template).to_string();
        let path = send_path(&self.token());
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// What comes back for these bytes, up to the end of the connection.
    pub fn raw(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut socket = self.connect();
        socket.write_all(bytes)?;
        let mut all = Vec::new();
        socket.read_to_end(&mut all)?;
        Ok(all)
    }
}

pub fn agent(timeout: Duration) -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(timeout)).proxy(None).build().into()
}

pub fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    Ok(Answer {
        status: response.status().as_u16(),
        content_type: response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        body: response.body_mut().read_to_vec()?,
    })
}

pub fn send_path(token: &str) -> String {
    format!("/cgi-bin/message/subscribe/send?access_token={token}")
}

pub fn message(openid: &str, template: &str) -> Value {
    json!({
        "touser": openid,
        "template_id": template,
        "page": "pages/index",
        "data": { "thing1": { "value": "体力已满" }, "time2": { "value": "15:01" } },
    })
}

/// ` rid: 8hex-8hex-8hex` at the end.
pub fn ends_in_rid(text: &str, before: &str) -> bool {
    let Some((_, rid)) = text.rsplit_once(before) else {
        return false;
    };
    let groups: Vec<&str> = rid.split('-').collect();
    groups.len() == 3 && groups.iter().all(|g| g.len() == 8 && g.chars().all(|c| c.is_ascii_hexdigit()))
}
