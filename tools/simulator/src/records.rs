use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::endpoint::Endpoint;

/// A message that WeChat took: the grant is used, the player gets it.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// `touser`.
    pub openid: String,
    /// `template_id`.
    pub template_id: String,
    /// `data` as it was received.
    pub data: Value,
    /// `page`, if it was there.
    pub page: Option<String>,
    /// `miniprogram_state`, if it was there.
    pub miniprogram_state: Option<String>,
    /// `lang`, if it was there.
    pub lang: Option<String>,
    /// The id that the answer named, or would have named.
    pub msgid: i64,
    /// When, in Unix milliseconds of the simulator's clock.
    pub time_ms: u64,
    /// The [`RequestRecord::seq`] of the request behind it.
    pub request: u64,
    /// The whole body.
    #[serde(serialize_with = "as_text")]
    pub body: Arc<[u8]>,
}

/// How a request ended, seen from WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not answered yet.
    Pending,
    /// Answered; maybe with something that nobody can read.
    Answered,
    /// The connection was closed or cut by a fault.
    Cut,
    /// The caller went away before the answer.
    Abandoned,
}

/// One request that reached WeChat, answered or not.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// Counts from 1 over all endpoints.
    pub seq: u64,
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// `access_token` of the query.
    pub token: Option<String>,
    /// `touser`, when the body named one.
    pub openid: Option<String>,
    /// `template_id`, when the body named one.
    pub template_id: Option<String>,
    /// The whole body.
    #[serde(serialize_with = "as_text")]
    pub body: Arc<[u8]>,
    /// Which connection brought it; equal numbers mean one kept-alive connection.
    pub connection: u64,
    /// In Unix milliseconds of the simulator's clock.
    pub received_ms: u64,
    /// When the answer, or what a fault put in its place, went out.
    pub answered_ms: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// The errcode that WeChat answered; nothing when there was no readable answer.
    pub errcode: Option<i64>,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
    /// The message that it delivered, whether or not the caller was told.
    pub msgid: Option<i64>,
    /// The fault that it met.
    pub fault: Option<String>,
}

/// What was counted since the start or the last reset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counters {
    /// Requests per endpoint.
    pub calls: BTreeMap<Endpoint, u64>,
    /// Answers per endpoint and errcode; 0 is success.
    pub errcodes: BTreeMap<Endpoint, BTreeMap<i64, u64>>,
    /// Messages delivered.
    pub delivered: u64,
    /// How often 43108 was answered because two sends to one player overlapped.
    pub overlaps: u64,
    /// Sends in progress right now.
    pub sends_in_progress: u64,
    /// The most sends in progress at once, to whomever.
    pub max_concurrent_sends: u64,
    /// Requests answered 412: a POST without Content-Length.
    pub without_length: u64,
    /// Requests that met a fault.
    pub faults: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open right now.
    pub open_connections: u64,
    /// The most connections open at once.
    pub max_open_connections: u64,
    /// Records given up because `keep` was reached; the numbers above stay exact.
    pub forgotten: u64,
}

impl Counters {
    /// Requests to one endpoint.
    pub fn calls_to(&self, endpoint: Endpoint) -> u64 {
        self.calls.get(&endpoint).copied().unwrap_or(0)
    }

    /// Answers of one endpoint with this errcode.
    pub fn answers(&self, endpoint: Endpoint, errcode: i64) -> u64 {
        self.errcodes.get(&endpoint).and_then(|m| m.get(&errcode)).copied().unwrap_or(0)
    }
}

/// The newest requests and deliveries.
pub(crate) struct Records {
    requests: VecDeque<RequestRecord>,
    deliveries: VecDeque<Arc<Delivery>>,
    next_seq: u64,
    keep: usize,
}

impl Records {
    pub(crate) fn new(next_seq: u64, keep: usize) -> Self {
        Self { requests: VecDeque::new(), deliveries: VecDeque::new(), next_seq, keep }
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Returns how many old records had to go.
    pub(crate) fn received(&mut self, mut record: RequestRecord) -> u64 {
        record.seq = self.next_seq;
        self.next_seq += 1;
        self.requests.push_back(record);
        let surplus = self.requests.len().saturating_sub(self.keep);
        self.requests.drain(..surplus);
        surplus as u64
    }

    pub(crate) fn request(&mut self, seq: u64) -> Option<&mut RequestRecord> {
        let first = self.requests.front()?.seq;
        self.requests.get_mut(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    pub(crate) fn delivered(&mut self, delivery: Arc<Delivery>) -> u64 {
        self.deliveries.push_back(delivery);
        let surplus = self.deliveries.len().saturating_sub(self.keep);
        self.deliveries.drain(..surplus);
        surplus as u64
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = &RequestRecord> {
        self.requests.iter()
    }

    pub(crate) fn deliveries(&self) -> impl Iterator<Item = &Arc<Delivery>> {
        self.deliveries.iter()
    }
}

fn as_text<S: Serializer>(body: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}
