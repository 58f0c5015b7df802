//! What a store must do, each as one step of a script.

use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::{Value, json};

use super::buckets::SWEEP_MS;
use super::durability::Facts;
use super::script::{ANSWER, OUTBOX, SEND, Script};
use super::told::{self, AccountAnswer, Answer};
use super::{RedisStore, ms};
use crate::clock::{self, Deadline, Now};
use crate::config::TokenMode;
use crate::error::{Error, Status, Verdict};
use crate::secret::Secret;
use crate::store::{
    After, Applied, Backlog, Begun, Cancelled, Change, Claimed, Claims, Event, EventPart, FORCED_APART_MS,
    FORCED_PER_DAY, Hold, Item, Look, NewMessage, Outcome, Put, Report, Settled, Settlement, Store, StoredToken,
    TokenAsk, TokenClaim, Want, kept,
};

/// A bucket that could not be looked at is put off so long.
const PUT_OFF_MS: i64 = 5000;
/// A hold that was maybe taken is given back within this time, or ends by itself with its lease.
const GIVE_BACK_MS: u64 = 300;
/// Its message waits at least so long.
const NEXT_TRY_MS: i64 = 2000;
/// Buckets with something due that are looked at in one go.
const DUE_BUCKETS: usize = 16;

fn item(item: &Item) -> Value {
    let change = match item.change {
        Change::Grant => "grant",
        Change::SwitchOn => "switch_on",
        Change::Clear => "clear",
        Change::ClearAll => "clear_all",
        Change::Look => "look",
    };
    json!({"template": item.template_id, "change": change, "lasting": item.lasting, "act": item.act})
}

impl Store for RedisStore {
    fn report(&self, report: Report, _now: Now, deadline: Deadline) -> Result<Vec<Applied>, Error> {
        if report.items.is_empty() {
            return Ok(Vec::new());
        }
        let items: Vec<Value> = report.items.iter().map(item).collect();
        let ask = json!({"openid": report.openid, "items": items, "key": report.key, "once": self.once()});
        let answer = self.player_step(&ANSWER, &report.openid, "report", ask, true, deadline)?;
        Ok(answer.items.into_iter().map(Applied::from).collect())
    }

    fn event(&self, event: Event, _now: Now, deadline: Deadline) -> Result<Result<Vec<Applied>, i64>, Error> {
        if event.parts.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let part = |(identity, part): &(String, EventPart)| match part {
            EventPart::Answer(answer) => json!({"identity": identity, "answer": item(answer)}),
            EventPart::Sent { template_id, verdict, outcome } => json!({"identity": identity, "sent": {
                "template": template_id, "verdict": told::verdict(verdict), "outcome": told::outcome(*outcome),
                "msgid": verdict.msgid.to_string(),
            }}),
        };
        let parts: Vec<Value> = event.parts.iter().map(part).collect();
        let ask = json!({"openid": event.openid, "created": event.created_wall, "parts": parts, "once": self.once()});
        let answer = self.player_step(&OUTBOX, &event.openid, "event", ask, true, deadline)?;
        Ok(match answer.busy {
            Some(busy) => Err(ms(busy)),
            None => Ok(answer.items.into_iter().map(Applied::from).collect()),
        })
    }

    fn templates(&self, _now: &Now, deadline: Deadline) -> Result<Option<(String, i64)>, Error> {
        let answer = self.account("templates", json!({}), deadline)?;
        Ok(answer.list.map(|list| (list, ms(answer.age))))
    }

    fn put_templates(&self, list: String, _now: Now, deadline: Deadline) -> Result<(), Error> {
        self.account("put_templates", json!({"list": list}), deadline).map(drop)
    }

    fn remaining(&self, openid: &str, template_id: &str, _now: &Now, deadline: Deadline) -> Result<i64, Error> {
        let ask = json!({"openid": openid, "template": template_id});
        self.player_step(&ANSWER, openid, "remaining", ask, false, deadline).map(|answer| answer.left)
    }

    fn has_any(&self, openid: &str, template_id: &str, deadline: Deadline) -> Result<bool, Error> {
        let ask = json!({"openid": openid, "template": template_id});
        self.player_step(&ANSWER, openid, "has_any", ask, false, deadline).map(|answer| answer.any)
    }

    fn begin(&self, want: Want, _now: Now, deadline: Deadline) -> Result<Begun, Error> {
        let ask = json!({
            "openid": want.openid, "template": want.template_id, "enforce": want.enforce, "lasting": want.lasting,
            "key": want.key, "holder": want.holder.to_string(), "process": want.process.to_string(),
            "lease": want.lease_ms, "id": want.message.map(|(id, _)| id),
            "claim": want.message.map(|(_, claim)| claim.to_string()),
        });
        let marks = want.key.is_some() || want.message.is_some();
        let begun = self.try_player_step(script_for(&want), &want.openid, "begin", ask, marks, deadline);
        let answer = match begun {
            Ok(answer) => answer,
            Err(trouble) => {
                if trouble.is_maybe_done() {
                    self.give_back(&want);
                }
                return Err(trouble.describe(self.place()));
            }
        };
        Ok(match answer {
            Answer { held: true, granted, unit, .. } => Begun::Held(Hold { want, granted, unit }),
            Answer { gone: true, .. } => Begun::Gone,
            Answer { no_quota: true, .. } => Begun::NoQuota,
            Answer { other: Some(other), .. } => Begun::OtherTemplate(other),
            Answer { before: Some(first), .. } => Begun::Before(first.verdict(want.key.as_deref().unwrap_or_default())),
            Answer { busy, .. } => Begun::Busy(busy.map_or(1, ms).max(1)),
        })
    }

    fn settle(&self, settlement: Settlement, _now: Now, deadline: Deadline) -> Result<Settled, Error> {
        let Settlement { hold, outcome, verdict, after } = settlement;
        let want = &hold.want;
        let ask = json!({
            "openid": want.openid, "template": want.template_id, "lasting": want.lasting, "key": want.key,
            "holder": want.holder.to_string(), "outcome": told::outcome(outcome), "unit": hold.unit,
            "granted": hold.granted, "msgid": verdict.msgid.to_string(),
            "verdict": want.key.as_ref().map(|_| told::verdict(&verdict)),
            "id": want.message.map(|(id, _)| id), "again": told::again(&after),
            "once": want.message.map(|_| self.once()),
        });
        let answer = self.player_step(script_for(want), &want.openid, "settle", ask, false, deadline)?;
        Ok(Settled { remaining: answer.left, message: answer.message })
    }

    fn put_message(&self, new: NewMessage, _now: Now, deadline: Deadline) -> Result<Put, Error> {
        let ask = json!({
            "openid": new.openid, "template": new.template_id, "key": new.key, "replace": new.replace,
            "due": new.deliver_wall, "expires": new.expires_wall, "tag": new.letter.tag.to_string(),
            "resend": new.letter.resend, "letter": told::letter_to_text(&new.letter), "once": self.once(),
        });
        let answer = self.player_step(&OUTBOX, &new.openid, "put", ask, true, deadline)?;
        Ok(match answer.put.as_str() {
            "kept" => Put::Kept,
            "replaced" => Put::Replaced,
            "before" => {
                let first = answer.before.unwrap_or_default();
                Put::Before(first.verdict(new.key.as_deref().unwrap_or_default()))
            }
            "sending" => Put::Sending(answer.ms.map_or(1, ms)),
            "other" => Put::OtherTemplate(answer.other.unwrap_or_default()),
            _ => Put::New,
        })
    }

    fn next_message_ms(&self, _now: &Now, deadline: Deadline) -> Result<Option<i64>, Error> {
        Ok(self.account("upcoming", json!({"most": 1}), deadline)?.ms.map(ms))
    }

    fn claim_messages(
        &self,
        claim: i64,
        most: usize,
        lease_ms: i64,
        _now: Now,
        deadline: Deadline,
    ) -> Result<Claims, Error> {
        let mut claims = Claims::default();
        let mut failed = None;
        let due = self.account("upcoming", json!({"most": DUE_BUCKETS}), deadline)?.due;
        for (bucket, changes) in due {
            let room = most.saturating_sub(claims.messages.len() + claims.ended.len());
            let Ok(number) = bucket.parse() else { continue };
            if room == 0 {
                break;
            }
            let ask = json!({"claim": claim.to_string(), "most": room, "lease": lease_ms, "once": self.once()});
            let found: Result<Answer, Error> = self.step(&OUTBOX, &self.bucket(number), "claim", ask, false, deadline);
            let found = match found {
                Ok(found) => found,
                Err(e) => {
                    // Its server may be away; those of the others come first for a while.
                    let later = json!({"bucket": bucket, "changes": changes, "at": self.wall_ms() + PUT_OFF_MS});
                    let _put_off = self.account("looked", later, deadline);
                    failed.get_or_insert(e);
                    continue;
                }
            };
            claims.messages.extend(found.messages.into_iter().map(|message| message.claimed(claim)));
            for ended in found.ended {
                let message = ended.message.claimed(0);
                let verdict = ended.verdict.verdict(message.key.as_deref().unwrap_or_default());
                claims.ended.push((message, verdict));
            }
            let looked =
                self.account("looked", json!({"bucket": bucket, "changes": changes, "at": found.next}), deadline);
            // Without it the bucket is looked at again, for nothing.
            let _again = looked.is_err();
        }
        match failed {
            // What was claimed must be told of.
            Some(e) if claims.messages.is_empty() && claims.ended.is_empty() => Err(e),
            _ => Ok(claims),
        }
    }

    fn finish_message(
        &self,
        message: Claimed,
        after: After,
        verdict: Option<Verdict>,
        _now: Now,
        deadline: Deadline,
    ) -> Result<bool, Error> {
        let ask = json!({
            "id": message.id, "claim": message.claim.to_string(), "openid": message.openid, "key": message.key,
            "template": message.template_id, "again": told::again(&after),
            "verdict": verdict.as_ref().map(told::verdict), "once": self.once(),
        });
        self.player_step(&OUTBOX, &message.openid, "finish", ask, false, deadline).map(|answer| answer.ours)
    }

    fn release_message(&self, message: Claimed, deadline: Deadline) -> Result<(), Error> {
        let ask = json!({"id": message.id, "claim": message.claim.to_string()});
        self.player_step(&OUTBOX, &message.openid, "release", ask, false, deadline).map(drop)
    }

    fn cancel_message(
        &self,
        openid: &str,
        key: &str,
        verdict: Verdict,
        _now: Now,
        deadline: Deadline,
    ) -> Result<Cancelled, Error> {
        let ask = json!({"openid": openid, "key": key, "verdict": told::verdict(&verdict), "once": self.once()});
        let answer = self.player_step(&OUTBOX, openid, "cancel", ask, true, deadline)?;
        Ok(match answer.cancelled.as_str() {
            "now" => Cancelled::Now { template_id: answer.template, tag: told::number(&answer.tag) },
            "too_late" => Cancelled::TooLate(answer.before.map(|first| first.verdict(key))),
            _ => Cancelled::NotFound,
        })
    }

    fn look_up(&self, openid: &str, key: &str, _now: &Now, deadline: Deadline) -> Result<Look, Error> {
        let answer =
            self.player_step(&OUTBOX, openid, "look_up", json!({"openid": openid, "key": key}), false, deadline)?;
        let left = answer.ms.map_or(0, ms);
        Ok(match answer.look.as_str() {
            "ended" => Look::Ended(answer.before.unwrap_or_default().verdict(key)),
            "sending" => Look::Sending(left),
            "waits" => Look::Waits {
                due_ms: left,
                template_id: answer.template,
                tag: told::number(&answer.tag),
                tries: answer.tries,
                why: answer.why,
            },
            _ => Look::NotFound,
        })
    }

    fn backlog(&self, _now: &Now, deadline: Deadline) -> Result<Backlog, Error> {
        let mut all = Backlog::default();
        for bucket in self.account("buckets", json!({}), deadline)?.buckets {
            let Ok(number) = bucket.parse() else { continue };
            let one: Answer = self.step(&OUTBOX, &self.bucket(number), "backlog", json!({}), false, deadline)?;
            all.waiting += one.waiting;
            all.due += one.due;
            all.oldest_due_ms = all.oldest_due_ms.max(one.oldest_due as u64);
        }
        Ok(all)
    }

    fn version(&self, deadline: Deadline) -> Result<Option<i64>, Error> {
        let asked = Instant::now();
        let answer = self.account("version", json!({"every": SWEEP_MS}), deadline)?;
        self.set_clock(&answer, asked);
        self.sweep(answer.sweep, deadline)?;
        Ok(Some(ms(answer.version)))
    }

    fn token(&self, mode: TokenMode, _now: &Now, deadline: Deadline) -> Result<Option<StoredToken>, Error> {
        Ok(self.token_step(mode, "token", json!({}), deadline)?.ready.map(stored))
    }

    fn claim_token(&self, mode: TokenMode, ask: TokenAsk, _now: Now, deadline: Deadline) -> Result<TokenClaim, Error> {
        let asked = json!({"holder": ask.holder.to_string(), "lease": ask.lease_ms, "need": ask.need_ms});
        let answer = self.token_step(mode, "claim_token", asked, deadline)?;
        Ok(match answer {
            AccountAnswer { ready: Some(token), .. } => TokenClaim::Ready(stored(token)),
            AccountAnswer { wait: Some(wait), .. } => TokenClaim::Wait(ms(wait)),
            AccountAnswer { ask: false, failure, ms: pause, .. } => {
                TokenClaim::Failed(kept::error_from_text(failure.as_deref()), pause.map_or(0, ms))
            }
            AccountAnswer { dead, failures, .. } => TokenClaim::Ask { dead: dead.map(Secret::new), failures },
        })
    }

    fn put_token(
        &self,
        mode: TokenMode,
        token: Secret,
        life_ms: i64,
        _now: Now,
        deadline: Deadline,
    ) -> Result<(), Error> {
        self.token_step(mode, "put_token", json!({"token": token.expose(), "life": life_ms}), deadline).map(drop)
    }

    fn fail_token(
        &self,
        mode: TokenMode,
        holder: i64,
        why: Error,
        pause_ms: i64,
        _now: Now,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let ask = json!({"holder": holder.to_string(), "failure": kept::error_to_text(&why), "pause": pause_ms});
        self.token_step(mode, "fail_token", ask, deadline).map(drop)
    }

    fn release_token(&self, mode: TokenMode, holder: i64, deadline: Deadline) -> Result<(), Error> {
        self.token_step(mode, "release_token", json!({"holder": holder.to_string()}), deadline).map(drop)
    }

    fn kill_token(&self, mode: TokenMode, token: Secret, _now: Now, deadline: Deadline) -> Result<(), Error> {
        self.token_step(mode, "kill_token", json!({"token": token.expose()}), deadline).map(drop)
    }

    fn force_token(&self, _now: Now, deadline: Deadline) -> Result<Result<(), i64>, Error> {
        let ask = json!({"apart": FORCED_APART_MS, "per_day": FORCED_PER_DAY, "once": self.once()});
        Ok(self.account("force_token", ask, deadline)?.ms.map_or(Ok(()), |wait| Err(ms(wait))))
    }

    fn upkeep(&self, _now: &Now) -> Result<(), Error> {
        // What is over goes by itself: its key has a time to live.
        Ok(())
    }

    fn needs_upkeep(&self) -> bool {
        false
    }

    fn place(&self) -> &str {
        &self.place
    }

    fn warnings(&self, deadline: Deadline) -> Result<Vec<String>, Error> {
        let mut all: Vec<String> = self.facts(deadline)?.iter().flat_map(Facts::warnings).collect();
        all.sort();
        all.dedup();
        Ok(all)
    }

    fn wall_ms(&self) -> i64 {
        clock::wall_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }
}

impl RedisStore {
    /// Nothing was sent of what was maybe begun: its turn, its key and its message are free again, without a doubt on them.
    fn give_back(&self, want: &Want) {
        let why = Error::new(Status::Store, "the store did not answer in time; nothing was sent");
        let after = match want.message {
            Some(_) => {
                let due_wall = self.wall_ms() + NEXT_TRY_MS;
                After::Again { due_wall, why: why.message.clone(), maybe: false }
            }
            None => After::Done,
        };
        let hold = Hold { want: want.clone(), granted: 0, unit: false };
        let settlement = Settlement { hold, outcome: Outcome::Returned, verdict: why.into(), after };
        let _given_back = self.settle(settlement, Now::read(), Deadline::in_ms(GIVE_BACK_MS));
    }
}

/// The script that takes the steps of this send.
fn script_for(want: &Want) -> &'static Script {
    if want.message.is_some() { &OUTBOX } else { &SEND }
}

fn stored(token: told::Token) -> StoredToken {
    StoredToken { token: Secret::new(token.token), left_ms: ms(token.left), life_ms: ms(token.life) }
}
