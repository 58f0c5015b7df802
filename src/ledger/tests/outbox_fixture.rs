//! What the tests do with the outbox, as its dispatcher does.

use super::*;

/// A message whose time has come, as it was read.
#[derive(Clone, Debug)]
pub struct Ready {
    pub name: Name,
    pub message: Message,
}

/// What a look at the agenda came to.
#[derive(Debug, Default)]
pub struct Looked {
    /// To be sent.
    pub ready: Vec<Ready>,
    /// Those that have ended, by an event or since their process did not say so.
    pub ended: Vec<(Message, Verdict)>,
}

impl Fixture {
    pub fn message(&self, key: Option<&str>, due_in_ms: i64) -> NewMessage {
        // What is known here of a server's clock may be ahead of it.
        let due_in_ms = if self.has_real_clocks() { due_in_ms - SECOND } else { due_in_ms };
        NewMessage {
            openid: "o".to_owned(),
            template: template_id("t"),
            key: key.map(str::to_owned),
            number: 0,
            replace: false,
            due_ms: self.wall() + due_in_ms,
            expires_ms: self.wall() + due_in_ms + DAY,
            payload: Payload {
                body: "{}".to_owned(),
                checked: true,
                tag: 7,
                timeout_ms: Some(900),
                resend: false,
                notify: true,
                rules: false,
            },
        }
    }

    pub fn put(&mut self, message: NewMessage) -> EnqueueResult {
        self.last_holder += 1;
        self.run(enqueue(NewMessage { number: self.last_holder, ..message }))
    }

    /// One with this key that is due now.
    pub fn put_due(&mut self, key: &str) {
        assert!(matches!(self.put(self.message(Some(key), 0)), EnqueueResult::Stored));
    }

    pub fn put_to_resend(&mut self, key: &str) {
        let mut message = self.message(Some(key), 0);
        message.payload.resend = true;
        assert!(matches!(self.put(message), EnqueueResult::Stored));
    }

    /// Looks at what is on the agenda now, once.
    pub fn look(&self, limit: usize) -> Looked {
        let mut looked = Looked::default();
        for name in self.engine.agenda(limit, &|_| false, soon()).unwrap().ready {
            let Some(message) = self.ask(peek(name.clone())) else {
                self.run(set_aside(name));
                continue;
            };
            if message.state == MessageState::Waiting {
                looked.ready.push(Ready { name, message });
            } else {
                looked.ended.extend(self.run(recover(name, &message)));
            }
        }
        looked
    }

    pub fn look_for_one(&self) -> Ready {
        let mut looked = self.look(9);
        assert!(looked.ended.is_empty() && looked.ready.len() == 1, "{looked:#?}");
        looked.ready.remove(0)
    }

    pub fn finds_nothing(&self) -> bool {
        let looked = self.look(9);
        looked.ended.is_empty() && looked.ready.is_empty()
    }

    pub fn wish_for(&mut self, ready: &Ready) -> BeginSend {
        let Ready { name, message } = ready;
        BeginSend {
            openid: message.openid.clone(),
            key: message.key.clone(),
            message: Some((name.clone(), Box::new(message.clone()))),
            ..self.wish(&message.template_id)
        }
    }

    pub fn begin_ready(&mut self, ready: &Ready) -> BeginResult {
        let send = self.wish_for(ready);
        self.begin(send)
    }

    /// Put, found and begun.
    pub fn sending(&mut self, key: &str) -> (Ready, Hold) {
        self.put_due(key);
        let ready = self.look_for_one();
        let hold = held(self.begin_ready(&ready));
        (ready, hold)
    }

    pub fn end_sent(&self, hold: &Hold, msgid: i64) -> Settled {
        self.end(hold, Outcome::Spent, sent(msgid))
    }

    pub fn finish(&self, ready: &Ready, verdict: Verdict) -> Disposition {
        self.run(finish(ready.name.clone(), ready.message.clone(), verdict, 0))
    }

    pub fn cancel(&self, key: &str) -> Cancelled {
        self.run(cancel("o".to_owned(), key.to_owned(), cancelled().into()))
    }

    pub fn look_up(&self, key: &str) -> KeyStatus {
        self.ask(look_up("o".to_owned(), key.to_owned()))
    }

    pub fn ended(&self, key: &str) -> Verdict {
        match self.look_up(key) {
            KeyStatus::Ended { verdict, .. } => verdict,
            other => panic!("{other:?}"),
        }
    }

    /// Milliseconds until something is to be looked at, 0 or less when it is now.
    pub fn next(&self) -> Option<i64> {
        self.engine.agenda(0, &|_| false, soon()).unwrap().next_ms
    }

    /// The machine starts anew, which ends its leases; by a server's clock they end when they end.
    pub fn machine_dies(&mut self, lease_ms: i64) {
        let passed_ms = if self.is_server() { lease_ms } else { 0 };
        self.reboot(passed_ms);
    }

    pub fn waiting(&self) -> u64 {
        let told = self.engine.backlog(soon()).unwrap().waiting;
        assert_eq!(told as usize, self.records(Space::Message), "the tally is what there is");
        told
    }

    pub fn due(&self) -> (u64, u64) {
        let backlog = self.engine.backlog(soon()).unwrap();
        (backlog.due, backlog.oldest_due_ms)
    }
}

/// What was decided on a message that must be there.
pub fn disposed(settled: Settled) -> Disposition {
    settled.disposition.expect("a message's send")
}

pub fn is_final(disposition: &Disposition) -> bool {
    matches!(disposition, Disposition::Final(_))
}
