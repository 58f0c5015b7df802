//! What the ledger remembers for people: what became of a message or an answer, the numbers of days, and forgetting.

use super::core::Core;
use crate::clock::Deadline;
use crate::error::{Error, Retry, Status, Verdict};
use crate::ledger::campaign;
use crate::ledger::{self, Answered, CampaignSend, Effect, Entry, Forgotten, TemplateId, Unsent, What};
use crate::store::home_of;
use crate::wechat::{Endpoint, rule};

/// Records of a player that are forgotten in one step.
const FORGOTTEN_AT_ONCE: usize = 1000;
/// Parts of a list that are looked through in one step: some megabytes at most.
const PARTS_AT_ONCE: usize = 16;

impl Core {
    /// Counts and enters a message that ended without a send of its own; nobody waits for it.
    pub fn note_unsent(
        &self,
        openid: &str,
        template: TemplateId,
        key: Option<&str>,
        campaign: Option<CampaignSend>,
        verdict: &Verdict,
    ) {
        let is_known_by_key = verdict.flags & Verdict::REPLAYED != 0;
        // Nobody asked for a message, or it was none.
        let is_none = matches!(verdict.status, Status::Arg | Status::Config | Status::State | Status::Forked);
        // A store that fails can't record it either, and reads would wait for what was put off.
        let is_lost = verdict.status == Status::Store;
        if !is_known_by_key && !is_none && !is_lost {
            let (key, verdict) = (key.map(str::to_owned), verdict.clone());
            let unsent = Unsent { template, key, campaign, verdict, ended_ms: self.engine.wall_ms() };
            self.engine.run_later(ledger::note_unsent(openid, unsent));
        }
    }

    /// Forgets a player: from now on nothing shows that there was one. With how many entries of the history went.
    ///
    /// # Errors
    /// [`Status::Store`]; what was not forgotten yet is when it is asked for again.
    pub fn forget(&self, openid: &str, deadline: Deadline) -> Result<(Forgotten, u64), Error> {
        let (home, engine) = (home_of(openid), &self.engine);
        let player = crate::store::Name::player(openid);
        let mut all = Forgotten::default();
        let mut is_last = false;
        while !is_last {
            let mut others = engine.names_of(home, FORGOTTEN_AT_ONCE, deadline)?;
            is_last = others.len() < FORGOTTEN_AT_ONCE;
            others.retain(|name| !ledger::is_trace(name, &player));
            let forgotten = engine.run(ledger::forget(openid, others, is_last), deadline)?;
            all.players |= forgotten.players;
            all.keys += forgotten.keys;
            all.messages += forgotten.messages;
        }
        let entries = self.forget_rest(openid, Some(&all), deadline)?;
        Ok((all, entries))
    }

    /// The rest, behind his records: history, lists, and where campaigns stand. None: another call began it. With how many
    /// entries of the history went.
    ///
    /// # Errors
    /// As [`Core::forget`].
    pub fn forget_rest(&self, openid: &str, records: Option<&Forgotten>, deadline: Deadline) -> Result<u64, Error> {
        self.forget_elsewhere(openid, records, deadline).map_err(|e| {
            let message =
                format!("the player's records are gone, but not all that names him; forget him again: {}", e.message);
            Error { message, retry: Retry::Unsafe, ..e }
        })
    }

    fn forget_elsewhere(&self, openid: &str, records: Option<&Forgotten>, deadline: Deadline) -> Result<u64, Error> {
        let entries = self.engine.drop_log(home_of(openid), &|text| Entry::is_of(text, openid), deadline)?;
        self.take_out_of_places(openid, deadline)?;
        self.take_out_of_lists(openid, deadline)?;
        let detail = match records {
            Some(Forgotten { players, keys, messages }) => {
                format!("{players} players, {keys} keys, {messages} messages, {entries} entries of the history")
            }
            None => format!("what an earlier call had left: {entries} entries of the history"),
        };
        self.engine.run(ledger::note_act("forget", &detail), deadline)?;
        self.engine.run(ledger::note_forgotten(openid), deadline)?;
        self.touch_maintenance();
        Ok(entries)
    }
}

impl Core {
    /// The lists of campaigns name players, too.
    fn take_out_of_lists(&self, openid: &str, deadline: Deadline) -> Result<(), Error> {
        for (id, has_ended) in self.engine.ask(campaign::ids(), deadline)? {
            let Some(campaign) = self.engine.ask(campaign::look(id), deadline)? else { continue };
            if has_ended {
                if self.has_list(&campaign, deadline)? && !self.drop_list(&campaign, deadline.in_part(2), deadline)? {
                    let id = &campaign.id;
                    let why = format!("campaign {id} has ended, and there was no time to drop all of its list");
                    return Err(Error::new(Status::Store, why).after_ms(1000));
                }
                continue;
            }
            for parts in campaign.run.parts_left().chunks(PARTS_AT_ONCE) {
                for part in self.engine.ask(campaign::parts_with(&campaign.id, parts, openid), deadline)? {
                    self.engine.run(campaign::take_out(&campaign.id, part, Some(openid)), deadline)?;
                }
            }
        }
        Ok(())
    }

    /// A campaign for all goes on behind the player whom it looked at last: from now on behind a place that shares half of
    /// his openid, as long as nobody else is between.
    pub fn take_out_of_places(&self, openid: &str, deadline: Deadline) -> Result<(), Error> {
        let player = crate::store::Name::player(openid);
        let place = self.engine.place_of(&player, openid.len());
        for (id, has_ended) in self.engine.ask(campaign::ids(), deadline)? {
            // One that has ended has no places.
            if has_ended || !self.engine.ask(campaign::names_place(&id, place.clone()), deadline)? {
                continue;
            }
            let behind = self.first_behind(place.clone(), || deadline)?;
            let mut instead = Box::default();
            for kept in openid.len() / 2..openid.len() {
                instead = self.engine.place_of(&player, kept);
                // Whoever is between would be looked at twice: he gets nothing twice, but is counted so.
                if self.first_behind(instead.clone(), || deadline)? == behind {
                    break;
                }
            }
            self.engine.run(campaign::move_place(&id, place.clone(), instead), deadline)?;
        }
        Ok(())
    }
}

/// What an entry says, in words.
pub fn sentence(entry: &Entry) -> String {
    match (entry.what, entry.answered) {
        (What::Report | What::Event, Some(answered)) => answered_words(answered).to_owned(),
        (What::Report | What::Event, None) => "an answer of the player's".to_owned(),
        (What::Stored, _) => "put into the outbox".to_owned(),
        (What::Opened, _) => "the player came in by a message card: counted for this message".to_owned(),
        (What::Imported, _) => "the count was imported".to_owned(),
        (What::Settled, _) => format!("known later: {}", send_words(entry)),
        (What::Cancelled, _) if entry.status == Status::Unknown => {
            "cancelled after a try that may have arrived: maybe sent; it is not sent again".to_owned()
        }
        (What::Send | What::Skipped | What::Cancelled, _) => send_words(entry),
    }
}

fn answered_words(answered: (Answered, Effect)) -> &'static str {
    match answered {
        (Answered::Accept, Effect::Granted) => "the player accepted: one more message is allowed",
        (Answered::Accept, Effect::Full) => "the player accepted; the count was at its limit (\"max_count\") and stays",
        (Answered::Accept, _) => "the player accepted; nothing changed",
        (Answered::Reject, Effect::Cleared) => "the player refused: nothing more is allowed",
        (Answered::Reject, _) => "the player refused; nothing changed",
        (Answered::Ban, _) => "the platform has banned the template; nothing changed",
        (Answered::Filter, _) => {
            "the platform dropped the template, since another one has the same title; nothing changed"
        }
    }
}

fn send_words(entry: &Entry) -> String {
    if entry.errcode != 0 {
        return format!("{} (errcode {})", rule(Endpoint::Send, entry.errcode).advice, entry.errcode);
    }
    let words = match entry.status {
        Status::Ok => "sent: WeChat took it",
        Status::NoQuota => "the player allowed no more messages from this template; nothing was sent",
        Status::Refused => "the player does not allow it; the count is cleared",
        Status::Message => "the message broke a rule of its template; nothing was sent",
        Status::Busy => "another send to this player, or WeChat, was busy until the deadline; nothing was sent",
        Status::Auth => "appid, secret, token or IP list: an operator must act; nothing was sent",
        Status::Banned => "the template is banned; nothing was sent",
        Status::Connect => "WeChat could not be reached; nothing was sent",
        Status::Unknown | Status::Panic => "the request left and no answer came: maybe sent",
        Status::Cancelled => "cancelled before it was sent",
        Status::Expired => "its time was over before it could be sent",
        Status::Skipped => match entry.skipped {
            Some(reason) => return ledger::Skip::never(reason).verdict().message,
            None => "a rule of the configuration kept it from being sent",
        },
        Status::Store => "the store failed; nothing was sent",
        _ => "not sent",
    };
    words.to_owned()
}
