//! What the tests do with the outbox.

use super::*;
use crate::store::Letter;

/// As the courier's.
pub const CLAIM: i64 = 10 * SECOND;

impl Bench {
    pub fn letter(&self, key: Option<&str>, due_in_ms: i64) -> NewMessage {
        NewMessage {
            openid: "o".to_owned(),
            template_id: "t".to_owned(),
            key: key.map(str::to_owned),
            replace: false,
            deliver_wall: self.wall() + due_in_ms,
            expires_wall: self.wall() + due_in_ms + DAY,
            letter: Letter { message: "{}".to_owned(), tag: 7, timeout_ms: Some(900), resend: false, notify: true },
        }
    }

    pub fn put(&self, message: NewMessage) -> Put {
        self.store().put_message(message, self.now.clone(), soon()).unwrap()
    }

    /// One with this key that is due now.
    pub fn put_due(&self, key: &str) {
        assert!(matches!(self.put(self.letter(Some(key), 0)), Put::New));
    }

    pub fn put_to_resend(&self, key: &str) {
        let mut message = self.letter(Some(key), 0);
        message.letter.resend = true;
        assert!(matches!(self.put(message), Put::New));
    }

    pub fn claim(&mut self, most: usize) -> Claims {
        self.last_holder += 1;
        self.store().claim_messages(self.last_holder, most, CLAIM, self.now.clone(), soon()).unwrap()
    }

    pub fn claim_one(&mut self) -> Claimed {
        let mut claims = self.claim(9);
        assert!(claims.ended.is_empty() && claims.messages.len() == 1, "{claims:#?}");
        claims.messages.remove(0)
    }

    pub fn finds_nothing(&mut self) -> bool {
        let claims = self.claim(9);
        claims.ended.is_empty() && claims.messages.is_empty()
    }

    pub fn want_for(&mut self, claimed: &Claimed) -> Want {
        Want {
            openid: claimed.openid.clone(),
            key: claimed.key.clone(),
            message: Some((claimed.id, claimed.claim)),
            ..self.want(&claimed.template_id)
        }
    }

    pub fn begin_claimed(&mut self, claimed: &Claimed) -> Begun {
        let want = self.want_for(claimed);
        self.begin(want)
    }

    /// Put, claimed and begun.
    pub fn sending(&mut self, key: &str) -> (Claimed, Hold) {
        self.put_due(key);
        let claimed = self.claim_one();
        let hold = held(self.begin_claimed(&claimed));
        (claimed, hold)
    }

    pub fn end(&self, hold: &Hold, outcome: Outcome, verdict: Verdict, after: After) -> Settled {
        let settlement = Settlement { hold: hold.clone(), outcome, verdict, after };
        self.store().settle(settlement, self.now.clone(), soon()).unwrap()
    }

    pub fn end_sent(&self, hold: &Hold, msgid: i64) -> Settled {
        self.end(hold, Outcome::Spent, Verdict { msgid, ..Verdict::ok("sent") }, After::Done)
    }

    /// Waits again, from now on.
    pub fn again(&self) -> After {
        After::Again { due_wall: self.wall(), why: "busy".to_owned(), maybe: false }
    }

    pub fn finish(&self, claimed: &Claimed, after: After, verdict: Option<Verdict>) -> bool {
        self.store().finish_message(claimed.clone(), after, verdict, self.now.clone(), soon()).unwrap()
    }

    pub fn cancel(&self, key: &str) -> Cancelled {
        let verdict = Verdict::from(Error::new(Status::Cancelled, "cancelled"));
        self.store().cancel_message("o", key, verdict, self.now.clone(), soon()).unwrap()
    }

    pub fn look(&self, key: &str) -> Look {
        self.store().look_up("o", key, &self.now, soon()).unwrap()
    }

    pub fn ended(&self, key: &str) -> Verdict {
        match self.look(key) {
            Look::Ended(verdict) => verdict,
            other => panic!("{other:?}"),
        }
    }

    pub fn next(&self) -> Option<i64> {
        self.store().next_message_ms(&self.now, soon()).unwrap()
    }

    /// Something may be found then; in Redis a look before it, for nothing, is no harm.
    pub fn next_in(&self, ms: i64) {
        let next = self.next().expect("something waits");
        assert!(next == ms || self.is_redis() && next < ms, "{next} and not {ms}");
    }

    /// The machine starts anew, which ends its leases; by a server's clock they end when they end.
    pub fn machine_dies(&mut self, lease_ms: i64) {
        self.reboot("two", if self.is_redis() { lease_ms } else { 0 });
    }

    pub fn waiting(&self) -> u64 {
        let told = self.store().backlog(&self.now, soon()).unwrap().waiting;
        if !self.is_redis() {
            assert_eq!(told as i64, self.rows("outbox"), "the tally is what there is");
        }
        told
    }

    pub fn due(&self) -> (u64, u64) {
        let backlog = self.store().backlog(&self.now, soon()).unwrap();
        (backlog.due, backlog.oldest_due_ms)
    }
}

pub fn failed(status: Status) -> Verdict {
    Error::new(status, "failed").into()
}
