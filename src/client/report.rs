//! What players answered goes into the count.

use super::{Answer, Inner, not_empty, usable_key};
use crate::clock::Now;
use crate::error::{Error, QuotaChange, Status, Verdict};
use crate::log::log_line;
use crate::store::{Change, Report, Reported};
use crate::wechat::{self, Entry, Word};

impl Inner {
    pub(super) fn report(
        &self,
        openid: &str,
        template_id: Option<&str>,
        answer: Answer,
        key: Option<&str>,
    ) -> Result<Verdict, Error> {
        match (template_id, answer) {
            (Some(id), _) => not_empty("template_id", id)?,
            (None, Answer::Reject) => {}
            (None, _) => {
                return Err(Error::new(Status::Arg, "template_id is NULL; only WXSUB_REJECT can be for all templates"));
            }
        }
        let entry = Entry { template_id: template_id.map(str::to_owned), word: Word::Act(answer) };
        let mut verdicts = self.apply(openid, vec![entry], key)?;
        verdicts.pop().ok_or_else(|| Error::new(Status::Internal, "a report ended without a verdict"))
    }

    pub(super) fn report_json(&self, openid: &str, json: &str, key: Option<&str>) -> Result<Vec<Verdict>, Error> {
        self.apply(openid, wechat::client_answers(json)?, key)
    }

    /// One verdict per entry, in their order; all that are understood in one transaction.
    fn apply(&self, openid: &str, entries: Vec<Entry>, key: Option<&str>) -> Result<Vec<Verdict>, Error> {
        not_empty("openid", openid)?;
        let key = usable_key(key)?;
        let understood: Vec<(String, Result<Change, Error>)> = entries.into_iter().map(change_of).collect();
        let known = |(id, change): &(String, Result<Change, Error>)| Some((id.clone(), *change.as_ref().ok()?));
        let changes: Vec<(String, Change)> = understood.iter().filter_map(known).collect();
        let mut applied = Vec::new().into_iter();
        if !changes.is_empty() {
            let report = Report { openid: openid.to_owned(), changes, key: key.map(str::to_owned) };
            applied = self.store.report(report, Now::read(), self.deadline())?.into_iter();
            self.upkeep.touch(self.store.needs_upkeep());
        }
        let verdict = |(template_id, change): (String, Result<Change, Error>)| {
            let mut verdict = match change {
                Err(e) => Verdict::from(e),
                Ok(change) => {
                    let mut verdict = match applied.next() {
                        Some(Reported::Now { quota, remaining }) => Verdict { quota, remaining, ..Verdict::default() },
                        Some(Reported::Before(first)) => Verdict { flags: first.flags | Verdict::REPLAYED, ..first },
                        None => Verdict::from(Error::new(Status::Internal, "the store left an answer out")),
                    };
                    if verdict.status == Status::Ok {
                        verdict.message = told(change, &verdict);
                    }
                    verdict
                }
            };
            log_line!(self.log, Debug, "report {openid} {template_id}: {}", verdict.message);
            verdict.template_id = template_id;
            verdict.key = key.unwrap_or_default().to_owned();
            verdict
        };
        Ok(understood.into_iter().map(verdict).collect())
    }
}

/// The template and what the entry does to its count. Bans and filters are the platform's doing and say nothing of the
/// player.
fn change_of(entry: Entry) -> (String, Result<Change, Error>) {
    let Some(template_id) = entry.template_id else { return (String::new(), Ok(Change::ClearAll)) };
    let system = wechat::is_system(&template_id);
    let change = match entry.word {
        Word::Act(Answer::Accept) | Word::State(Answer::Accept) if system => Ok(Change::Switch(true)),
        Word::Act(Answer::Reject) | Word::State(Answer::Reject) if system => Ok(Change::Switch(false)),
        Word::Act(Answer::Accept) => Ok(Change::Grant),
        Word::Act(Answer::Reject) | Word::State(Answer::Reject) => Ok(Change::Clear),
        Word::Act(_) | Word::State(_) if system => Ok(Change::LookSwitch),
        Word::Act(_) | Word::State(_) => Ok(Change::Look),
        Word::Unknown(word) => {
            let word: String = word.chars().take(40).collect();
            Err(Error::new(
                Status::Arg,
                format!(
                    "{word:?} is not an answer of WeChat's (accept…, reject, ban, filter); nothing was changed for it"
                ),
            ))
        }
    };
    (template_id, change)
}

fn told(change: Change, verdict: &Verdict) -> String {
    let before = if verdict.flags & Verdict::REPLAYED != 0 { "reported before with this key: " } else { "" };
    let what = match (verdict.quota, change) {
        (QuotaChange::Granted, Change::Switch(_)) => "switched on".to_owned(),
        (QuotaChange::Cleared, Change::Switch(_)) => "switched off".to_owned(),
        (QuotaChange::Granted, _) => format!("granted; {} left", verdict.remaining),
        (QuotaChange::Cleared, Change::ClearAll) => "refused; nothing left for any template".to_owned(),
        (QuotaChange::Cleared, _) => "refused; nothing left".to_owned(),
        _ => "nothing changed".to_owned(),
    };
    format!("{before}{what}")
}
