//! What the funnel and the history say, and what really happened.

use super::*;
use crate::store::LogQuery;

const COLUMNS: usize = 13;
/// Columns that count ends which are known to the host, too.
const ENDS: [Column; 3] = [Column::NoQuota, Column::Expired, Column::Skipped];
/// All that a message can end by.
const ALL_ENDS: [Column; 7] = [
    Column::Sent,
    Column::Refused,
    Column::NoQuota,
    Column::BadMessage,
    Column::Expired,
    Column::Skipped,
    Column::Other,
];

/// What the host was told.
#[derive(Default)]
pub struct Told {
    /// Sends that were begun, or maybe, and of which nobody was told for sure what became.
    pub open: [i64; TEMPLATES],
    /// Ends without a send, by column: those that are certain, and those that may be.
    certain: [[i64; COLUMNS]; TEMPLATES],
    maybe: [[i64; COLUMNS]; TEMPLATES],
    /// Openings: those that are certain, and those that may be.
    openings: (i64, i64),
    /// Sends that ended in another life of their player's.
    pub late: [i64; TEMPLATES],
    /// Accepts, openings and messages in the history of lives that were forgotten.
    granted_gone: [i64; TEMPLATES],
    sent_gone: [i64; TEMPLATES],
    opened_gone: i64,
}

impl Told {
    /// A message ended so without a send, for sure or maybe.
    pub fn ended_unsent(&mut self, template: usize, status: Status, is_certain: bool) {
        // An earlier try may have been sent: so it counts, once more.
        self.open[template] += i64::from(column_of(status).is_none());
        for column in ENDS.into_iter().filter(|column| column_of(status) == Some(*column)) {
            self.maybe[template][column as usize] += 1;
            self.certain[template][column as usize] += i64::from(is_certain);
        }
    }

    pub fn opened(&mut self, may_be: bool, is_certain: bool) {
        self.openings.0 += i64::from(may_be && is_certain);
        self.openings.1 += i64::from(may_be);
    }

    /// These entries go with a life.
    pub fn end_life(&mut self, entries: &[Entry], templates: &[TemplateId; TEMPLATES]) {
        for entry in entries {
            let Some(template) = template_of(entry, templates) else { continue };
            self.granted_gone[template] += i64::from(is_grant(entry));
            self.sent_gone[template] += i64::from(is_sent(entry));
            self.opened_gone += i64::from(entry.what == What::Opened);
        }
    }
}

fn template_of(entry: &Entry, templates: &[TemplateId; TEMPLATES]) -> Option<usize> {
    let named = entry.template.as_ref()?;
    templates.iter().position(|template| template.is(named))
}

fn is_grant(entry: &Entry) -> bool {
    entry.answered.is_some_and(|(_, effect)| effect == crate::ledger::Effect::Granted)
}

fn is_sent(entry: &Entry) -> bool {
    matches!(entry.what, What::Send | What::Settled) && entry.status == Status::Ok
}

impl World {
    /// The history, of one player or of all.
    pub fn entries(&self, player: Option<usize>) -> Checked<Vec<Entry>> {
        let home = player.map(|player| self.names[player].lasting.home());
        let query = LogQuery { home, to_ms: i64::MAX, limit: 100_000, ..LogQuery::default() };
        let page = self.engine.log(&query, soon()).unwrap();
        let read = |text: &[u8]| Entry::decode(text).map_err(|e| format!("an entry of the history is damaged: {e:?}"));
        page.entries.iter().map(|entry| read(&entry.text)).collect()
    }

    /// The funnel's numbers of all days, by template and column.
    fn numbers(&self) -> [[i64; COLUMNS]; TEMPLATES] {
        let counters = self.engine.counters(i64::MIN..=i64::MAX, soon()).unwrap();
        let spell = |template: &Template| {
            let known = self.templates.iter().find(|known| known.is(template));
            Ok::<_, std::convert::Infallible>(known.map_or_else(String::new, |known| known.id().to_owned()))
        };
        let Ok(rows) = funnel(counters, spell);
        let mut numbers = [[0; COLUMNS]; TEMPLATES];
        for ((_, id), row) in rows {
            let Some(at) = self.templates.iter().position(|template| template.id() == id) else { continue };
            for (column, number) in Column::ALL.iter().zip(&mut numbers[at]) {
                *number += row.get(*column);
            }
        }
        numbers
    }

    /// The funnel never says more than happened.
    pub fn check_funnel(&self, is_over: bool) -> Checked {
        let (told, numbers) = (&self.truth.told, self.numbers());
        let mut opened = 0;
        for (t, row) in numbers.iter().enumerate() {
            let of = |column: Column| row[column as usize];
            let ends: i64 = ALL_ENDS.iter().map(|column| of(*column)).sum();
            let (sent, unknown, late) = (of(Column::Sent), of(Column::Begun) - ends, told.late[t]);
            let taken: i64 = self.wechat.taken.iter().map(|player| player[t] as i64).sum();
            let fault = |what: String| Err(format!("the funnel of template {t}: {what}: {row:?}"));
            if unknown < -late {
                return fault("more ended than began".to_owned());
            }
            if unknown > told.open[t] {
                return fault(format!("{unknown} are unknown, and {} at most can be", told.open[t]));
            }
            if sent > taken + late {
                return fault(format!("{sent} were sent, and WeChat took {taken}"));
            }
            let once = self.wechat.taken_once(t);
            if is_over && once > sent + unknown + late {
                return fault(format!("{sent} were sent, {unknown} maybe, and WeChat took {once}"));
            }
            let granted: i64 = (0..PLAYERS).map(|player| self.truth.totals(player)[t].0 as i64).sum();
            let all = granted + self.truth.granted_before[t] as i64;
            if of(Column::Accepted) != all {
                return fault(format!("{all} accepts counted"));
            }
            let in_campaigns = self.wechat.taken_in_campaigns(t);
            if of(Column::Campaign) > in_campaigns + late {
                return fault(format!("WeChat took {in_campaigns} of campaigns"));
            }
            for column in ENDS {
                let (certain, maybe) = (told.certain[t][column as usize], told.maybe[t][column as usize]);
                if of(column) < certain || of(column) > maybe {
                    return fault(format!("{column:?} is not between {certain} and {maybe}"));
                }
            }
            opened += of(Column::Opened);
            if of(Column::Opened) > taken {
                return fault(format!("more were opened than the {taken} that WeChat took"));
            }
        }
        let (certain, maybe) = told.openings;
        if opened < certain || opened > maybe {
            return Err(format!("{opened} openings are counted, not {certain} to {maybe}"));
        }
        Ok(())
    }

    /// The history tells each thing once, and only what happened to this life of the player's.
    pub fn check_history(&self) -> Checked {
        let told = &self.truth.told;
        let (mut granted, mut sent, mut opened) = ([[0; TEMPLATES]; PLAYERS], told.sent_gone, told.opened_gone);
        let mut messages = Vec::new();
        for entry in self.entries(None)? {
            let fault = |what: &str| Err(format!("the history: {what}: {entry:?}"));
            let Some(player) = self.openids.iter().position(|openid| *openid == entry.openid) else {
                return fault("it names nobody");
            };
            opened += i64::from(entry.what == What::Opened);
            let Some(template) = template_of(&entry, &self.templates) else { return fault("it names no template") };
            granted[player][template] += i64::from(is_grant(&entry));
            if !is_sent(&entry) {
                continue;
            }
            sent[template] += 1;
            let Some(request) = self.wechat.taken_as(entry.msgid) else { return fault("WeChat took no such message") };
            if (request.player, request.template) != (player, template) {
                return fault("it is another's");
            }
            // One that was under way when its player was forgotten may be taken for one of his next life.
            let life = self.truth.lives[player];
            let was_late = entry.what == What::Settled && request.process_at >= life.since - self.clock_margin();
            if request.life != life.number && !was_late {
                return fault("it is of a life that was forgotten");
            }
            // An event may have settled another send than the one that it tells of.
            if entry.what == What::Send && entry.key != request.key {
                return fault("it has another key");
            }
            if let Some(id) = &entry.campaign
                && request.campaign.is_none_or(|campaign| self.campaigns[campaign].id != *id)
            {
                return fault("it is not this campaign's");
            }
            messages.push(entry.msgid);
        }
        let all = messages.len();
        messages.sort_unstable();
        messages.dedup();
        if messages.len() < all {
            return Err("the history tells of a message twice".to_owned());
        }
        for (player, granted) in granted.iter().enumerate() {
            for (t, granted) in granted.iter().enumerate() {
                let counted = self.truth.totals(player)[t].0 as i64;
                if *granted != counted {
                    return Err(format!(
                        "player {player} template {t}: the history has {granted} of {counted} accepts"
                    ));
                }
            }
        }
        let numbers = self.numbers();
        for (t, row) in numbers.iter().enumerate() {
            let counted = row[Column::Sent as usize];
            if counted > sent[t] + told.late[t] {
                return Err(format!("template {t}: {counted} are counted as sent, and the history has {}", sent[t]));
            }
        }
        let counted: i64 = numbers.iter().map(|row| row[Column::Opened as usize]).sum();
        if counted != opened {
            return Err(format!("{counted} openings are counted, and the history has {opened}"));
        }
        Ok(())
    }
}
