//! Stored messages: how they come in, are cancelled, and end.

use super::*;

impl World {
    /// What its host is told is what happened.
    pub fn dispose(&mut self, number: usize, disposition: Disposition) -> Checked {
        let Disposition::Final(verdict) = disposition else { return Ok(()) };
        self.told(number, &verdict)
    }

    pub fn told(&mut self, number: usize, verdict: &Verdict) -> Checked {
        self.truth.end(number, "with a verdict")?;
        let Stored { resend, player, template, .. } = self.truth.stored[number].clone();
        let taken = self.was_taken(|r| r.message.is_some_and(|(its, _)| its == number));
        let may_be = self.was_taken(|r| r.player == player && r.template == template);
        let is_lie = match verdict.status {
            Status::Ok => !may_be,
            Status::Unknown | Status::Panic => false,
            _ => taken && !resend,
        };
        if is_lie {
            Err(format!("message {number} ended as {:?}, and WeChat took it: {taken}", verdict.status))
        } else {
            Ok(())
        }
    }

    pub fn enqueue(&mut self, p: usize, number: usize, replace: bool, due_in_ms: i64, life_ms: i64) -> Checked<Next> {
        let Stored { player, template, key, resend, rules, .. } = self.truth.stored[number].clone();
        let due_ms = self.wall() + due_in_ms;
        let new = NewMessage {
            openid: self.openids[player].clone(),
            template: self.templates[template].clone(),
            replace: replace && key.is_some(),
            number: self.new_number(),
            due_ms,
            expires_ms: due_ms + life_ms,
            payload: Payload {
                body: number.to_string(),
                checked: true,
                tag: 7,
                timeout_ms: None,
                resend,
                notify: true,
                rules,
            },
            key: key.clone(),
        };
        let replaced = self.waiting_with(player, key.as_deref());
        match self.step(p, player, Effect::Nothing, enqueue(new))? {
            Ok(EnqueueResult::Stored) => self.truth.stored[number].acknowledged = true,
            Ok(EnqueueResult::Replaced) => {
                self.truth.stored[number].acknowledged = true;
                let replaced = replaced.ok_or("replaced what was not there")?;
                self.truth.end(replaced, "replaced")?;
            }
            Ok(_) => {}
            // It, and what it may have replaced, is there or not.
            Err(_) => {
                self.truth.stored[number].in_doubt = true;
                if let Some(replaced) = replaced.filter(|_| replace) {
                    self.truth.stored[replaced].in_doubt = true;
                }
            }
        }
        Ok(Next::Over)
    }

    /// The message that has this key now, as the record says.
    fn waiting_with(&self, player: usize, key: Option<&str>) -> Option<usize> {
        let name = message::name_of(&self.names[player].lasting, Some(key?), 0);
        let message = self.engine.ask(peek(name), soon()).unwrap()?;
        Some(number_of(&message))
    }

    pub fn cancel(&mut self, p: usize, player: usize, key: String) -> Checked<Next> {
        let waiting = self.waiting_with(player, Some(&key));
        let operation = cancel(self.openids[player].clone(), key, cancelled().into());
        match self.step(p, player, Effect::Nothing, operation)? {
            Ok(Cancelled::Now { .. }) => {
                let number = waiting.ok_or("cancelled what was not there")?;
                if !self.truth.stored[number].resend && self.was_taken(|r| r.message == Some((number, false))) {
                    return Err(format!("message {number} was cancelled, and WeChat took it"));
                }
                self.truth.end(number, "cancelled")?;
            }
            // A try before it may have been sent: so it counts, once more.
            Ok(_) => waiting.into_iter().for_each(|number| self.may_be_unknown(number)),
            Err(_) => waiting.into_iter().for_each(|number| {
                self.may_be_unknown(number);
                self.truth.stored[number].in_doubt = true;
            }),
        }
        Ok(Next::Over)
    }

    fn may_be_unknown(&mut self, number: usize) {
        self.truth.told.open[self.truth.stored[number].template] += 1;
    }
}

pub fn number_of(message: &Message) -> usize {
    message.payload.body.parse().unwrap()
}
