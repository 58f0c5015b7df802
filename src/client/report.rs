//! What players answered in the game goes into the count.

use std::sync::Arc;

use super::Answer;
use super::core::{Core, usable_key};
use super::count_watch;
use super::templates::TemplateCache;
use crate::clock::Deadline;
use crate::error::{Error, QuotaChange, Status, Verdict};
use crate::ledger::{self, Applied, Change, Item, Report};
use crate::log::log_line;
use crate::store::home_of;
use crate::wechat::{self, Entry, Word, check_id};

/// What became of a part of an unsigned event that could harm the player.
pub const UNSIGNED: &str = "nothing changed: WeChat's plain mode signs no body, so only accepts are taken from it, of 32 templates at most; set event.aes_key and secure mode";

/// Takes what players answered in the game.
pub struct Reports {
    core: Arc<Core>,
    templates: Arc<TemplateCache>,
}

impl Reports {
    pub fn new(core: Arc<Core>, templates: Arc<TemplateCache>) -> Reports {
        Reports { core, templates }
    }

    /// Tells what a player answered for one template; with None, and [`Answer::Reject`], for all.
    ///
    /// # Errors
    /// [`Status::Arg`], [`Status::Store`].
    pub fn report(
        &self,
        openid: &str,
        template_id: Option<&str>,
        answer: Answer,
        key: Option<&str>,
    ) -> Result<Verdict, Error> {
        check(template_id, answer)?;
        let entry = Entry { template_id: template_id.map(str::to_owned), word: Word::Act(answer) };
        let mut verdicts = self.apply(openid, vec![entry], key)?;
        verdicts.pop().ok_or_else(|| Error::new(Status::Internal, "a report ended without a verdict"))
    }

    /// Tells what a player's game client got from WeChat: one verdict per template, in the object's order.
    ///
    /// # Errors
    /// [`Status::Arg`], [`Status::Store`].
    pub fn report_json(&self, openid: &str, json: &str, key: Option<&str>) -> Result<Vec<Verdict>, Error> {
        self.apply(openid, wechat::client_answers(json)?, key)
    }

    /// One verdict per entry, in their order; all that are understood in one transaction.
    fn apply(&self, openid: &str, entries: Vec<Entry>, key: Option<&str>) -> Result<Vec<Verdict>, Error> {
        check_id("openid", openid)?;
        let key = usable_key(key)?;
        let deadline = self.core.deadline();
        let answer = |entry: &Entry| match entry.word {
            Word::Act(answer) => Some(answer),
            Word::State(_) | Word::Unknown(_) => None,
        };
        let answers: Vec<Option<Answer>> = entries.iter().map(answer).collect();
        let understood: Vec<(String, Result<Item, Error>)> =
            entries.into_iter().map(|entry| self.item_of(entry, deadline)).collect();
        let items: Vec<Item> = understood.iter().filter_map(|(_, item)| item.as_ref().ok()).cloned().collect();
        let mut applied = Vec::new().into_iter();
        if !items.is_empty() {
            let report = Report {
                openid: openid.to_owned(),
                items,
                key: key.map(str::to_owned),
                max_count: self.core.config.max_count,
                number: self.core.new_number(),
            };
            applied = {
                let applied = self.core.engine.run(ledger::report(report), deadline);
                // A store without room may make some.
                applied.inspect_err(|_| self.core.touch_maintenance())?.into_iter()
            };
            count_watch::note_change(home_of(openid));
            self.core.counters.count_reports(applied.len());
            let taken = understood.iter().zip(answers).filter(|((_, item), _)| item.is_ok());
            taken.filter_map(|(_, answer)| answer).for_each(|answer| self.core.metrics.count_report(answer));
            self.core.touch_maintenance();
        }
        let verdict = |(template_id, item): (String, Result<Item, Error>)| {
            let mut verdict = match item {
                Err(e) => Verdict::from(e),
                Ok(item) => match applied.next() {
                    Some(applied) => verdict_of(&item, applied),
                    None => Verdict::from(Error::new(Status::Internal, "the store left an answer out")),
                },
            };
            log_line!(self.core.log, Debug, "report {openid} {template_id}: {}", verdict.message);
            verdict.template_id = template_id;
            verdict.key = key.unwrap_or_default().to_owned();
            verdict
        };
        Ok(understood.into_iter().map(verdict).collect())
    }

    /// The template and what the entry does to its count. Bans and filters are the platform's doing and say nothing of
    /// the player; a ban is remembered for him alone, since his device may say what it likes.
    fn item_of(&self, entry: Entry, deadline: Deadline) -> (String, Result<Item, Error>) {
        let template_id = entry.template_id.clone().unwrap_or_default();
        let long_term = entry.template_id.is_some() && self.templates.is_long_term(&template_id, deadline);
        let player_action = matches!(entry.word, Word::Act(_));
        if entry.template_id.is_some()
            && let Err(e) = check_id("the template id", &template_id)
        {
            let why = format!("{}; nothing was changed for it", e.message);
            return (template_id, Err(Error::new(Status::Arg, why)));
        }
        let change = match entry.word {
            _ if entry.template_id.is_none() => Change::ClearAll,
            Word::Act(Answer::Accept) | Word::State(Answer::Accept) if long_term => Change::SetOn,
            Word::Act(Answer::Accept) => Change::Grant,
            Word::Act(Answer::Reject) | Word::State(Answer::Reject) => Change::Clear,
            Word::Act(Answer::Ban) | Word::State(Answer::Ban) => Change::Ban,
            Word::Act(Answer::Filter) => Change::Filter,
            Word::State(_) => Change::Look,
            Word::Unknown(word) => {
                let word: String = word.chars().take(40).collect();
                let why = format!(
                    "{word:?} is not an answer of WeChat's (accept…, reject, ban, filter); nothing was changed for it"
                );
                return (template_id, Err(Error::new(Status::Arg, why)));
            }
        };
        let template = self.templates.id_of(&template_id, deadline);
        (template_id, Ok(Item { template, change, long_term, player_action }))
    }
}

/// Only a refusal can be for all templates.
pub(super) fn check(template_id: Option<&str>, answer: Answer) -> Result<(), Error> {
    match (template_id, answer) {
        (Some(id), _) => check_id("template_id", id),
        (None, Answer::Reject) => Ok(()),
        (None, _) => Err(Error::new(Status::Arg, "template_id is NULL; only WXSUB_REJECT can be for all templates")),
    }
}

/// What applying an item came to.
pub(super) fn verdict_of(item: &Item, applied: Applied) -> Verdict {
    match applied {
        Applied::Now { quota, remaining } => Verdict { quota, remaining, ..Verdict::ok(told(item, quota, remaining)) },
        Applied::Paired(remaining) => Verdict {
            remaining,
            ..Verdict::ok("the same act was counted before, the other way it came; nothing changed")
        },
        Applied::Full(remaining) => Verdict {
            remaining,
            ..Verdict::ok(format!("the count is at its limit (\"max_count\"): {remaining} left; nothing changed"))
        },
        Applied::Ignored(remaining) => Verdict { remaining, ..Verdict::ok(UNSIGNED) },
        Applied::Before(first) if first.status == Status::Ok => Verdict {
            flags: first.flags | Verdict::REPLAYED,
            message: format!("came before: {}", told(item, first.quota, first.remaining)),
            ..first
        },
        Applied::Before(first) => Verdict { flags: first.flags | Verdict::REPLAYED, ..first },
    }
}

fn told(item: &Item, quota: QuotaChange, remaining: i64) -> String {
    match (quota, item.change) {
        (QuotaChange::Granted, _) if item.long_term => "switched on".to_owned(),
        (QuotaChange::Cleared, Change::Clear) if item.long_term => "switched off".to_owned(),
        (QuotaChange::Granted, _) => format!("granted; {remaining} left"),
        (QuotaChange::Cleared, Change::ClearAll) => "refused; nothing left for any template".to_owned(),
        (QuotaChange::Cleared, _) => format!("refused; {remaining} left"),
        _ => "nothing changed".to_owned(),
    }
}
