//! What a campaign would do now.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::paging::Position;
use super::super::{Call, wrong};
use super::fields::{Audience, PutFields, checked_id};
use super::looked_up;
use crate::error::{Error, Retry, Status};
use crate::ledger::campaign::{self, Campaign, Forecast, Pace, Prospect, Run};
use crate::ledger::{self, Bound, CampaignSend, TemplateId};
use crate::store::{Scanned, Space};

/// Records that one call looks at …
const LOOKED_AT: usize = 20_000;
/// … in not more than this time.
const PATIENCE: Duration = Duration::from_secs(1);
/// Records that are read at once.
const AT_ONCE: usize = 1000;
/// Sends a second of one thread, where nothing is said of the pace: one that answers after 20 ms.
const PER_THREAD: f64 = 50.0;
/// How long a campaign lasts where nothing else is said.
const LIFE_MS: i64 = 24 * 3_600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    id: String,
    message: Option<Value>,
    audience: Option<Audience>,
    start_at_ms: Option<i64>,
    expires_at_ms: Option<i64>,
    per_second: Option<f64>,
    leave: Option<u64>,
    rules: Option<bool>,
    dry_run: Option<bool>,
    after: Option<String>,
    limit: Option<u64>,
}

#[derive(Serialize)]
struct Reply {
    players: u64,
    units: u64,
    skipped: BTreeMap<String, u64>,
    seconds: u64,
    next: Option<String>,
}

/// How far the forecast is.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    forecast: Forecast,
    /// The next part of a list.
    part: u64,
    /// Behind this place, of all players.
    #[serde(skip)]
    place: Option<Box<[u8]>>,
}

/// "campaign.forecast": of one that is there, or of one that could be put.
pub fn forecast(call: &Call<'_>) -> Result<String, Error> {
    let fields: Fields = call.fields()?;
    let after = call.position(fields.after.as_deref())?;
    // Totals have no rows; it is taken like anywhere else.
    call.limit(fields.limit)?;
    let campaign = campaign_of(call, fields)?;
    let progress = after.within.as_ref().map(|(_, text)| serde_json::from_str(text));
    let progress: Progress = progress.transpose().map_err(|e| wrong(e.to_string()))?.unwrap_or_default();
    let progress = Progress { place: after.place, ..progress };
    let look = Look::new(call, campaign)?;
    let (progress, done) = look.go_on(progress)?;
    let next = match done {
        true => None,
        false => {
            let text = serde_json::to_string(&progress).unwrap_or_default();
            Some(call.cursor(&Position {
                place: progress.place,
                within: Some((Box::default(), text)),
                ..Position::default()
            })?)
        }
    };
    let seconds = progress.forecast.seconds();
    let Forecast { players, units, skipped, .. } = progress.forecast;
    call.reply(&Reply { players, units, skipped, seconds, next })
}

fn campaign_of(call: &Call<'_>, fields: Fields) -> Result<Campaign, Error> {
    let Fields { id, message, audience, start_at_ms, expires_at_ms, per_second, leave, rules, dry_run, .. } = fields;
    let Some(message) = message else {
        let others = [
            audience.is_some(),
            start_at_ms.is_some(),
            expires_at_ms.is_some(),
            per_second.is_some(),
            leave.is_some(),
            rules.is_some(),
        ];
        if others.contains(&true) {
            return Err(wrong("campaign.forecast: give an id alone, or all fields of campaign.put with the message"));
        }
        return looked_up(call, &checked_id(id)?);
    };
    let audience = audience.ok_or_else(|| wrong("campaign.forecast: audience is missing"))?;
    let fields = PutFields { id, message, audience, start_at_ms, expires_at_ms, per_second, leave, rules, dry_run };
    let (id, definition) = fields.define(call)?;
    let there = call.parts.core.engine.ask(campaign::look(id.clone()), call.deadline)?;
    Ok(Campaign { run: there.map_or_else(Run::default, |there| there.run), id, definition })
}

/// What is looked at.
struct Look<'c, 'a> {
    call: &'c Call<'a>,
    campaign: Campaign,
    template: TemplateId,
    long_term: bool,
    bound: Bound,
    pace: Pace,
    /// The number of one that has begun: some had its message.
    begun: Option<u64>,
    until: Instant,
}

impl<'c, 'a> Look<'c, 'a> {
    fn new(call: &'c Call<'a>, campaign: Campaign) -> Result<Look<'c, 'a>, Error> {
        let (core, rules) = (&call.parts.core, &call.parts.rules);
        let Campaign { id, definition, run } = &campaign;
        let now_ms = core.engine.wall_ms();
        let start_ms = definition.start_ms.unwrap_or(now_ms).max(now_ms);
        let expires_ms = run.expires_ms.or(definition.expires_ms).unwrap_or_else(|| start_ms.saturating_add(LIFE_MS));
        let config = &core.config;
        let threads = config.workers.saturating_sub(1).max(1);
        let usual = config.max_per_second.unwrap_or(threads as f64 * PER_THREAD);
        let wanted = definition.per_1000_s.map_or(f64::MAX, |rate| rate as f64 / 1000.0);
        let most = config.max_per_second.unwrap_or(f64::MAX);
        let per_second = if wanted == f64::MAX { usual } else { wanted.min(most) };
        let local_start_ms = start_ms.saturating_add(config.utc_offset_ms);
        let budget = match config.rules.budget_of(&definition.template_id).filter(|_| definition.rules) {
            None => None,
            Some(limit) => {
                let (day, _) = ledger::day_of(local_start_ms);
                let left = ledger::budget_left(&definition.template_id, day, limit);
                Some((limit, core.engine.ask(left, call.deadline)?))
            }
        };
        let number = campaign::number_of(id);
        Ok(Look {
            call,
            template: call.parts.templates.id_of(&definition.template_id, call.deadline),
            long_term: call.parts.templates.is_long_term(&definition.template_id, call.deadline),
            bound: rules.bound(
                definition.rules,
                Some(CampaignSend { id: id.to_owned(), number, leave: definition.leave, remember_ms: 0 }),
                None,
            ),
            pace: Pace {
                per_second,
                local_start_ms,
                life_ms: expires_ms.saturating_sub(start_ms),
                quiet: config.rules.quiet.filter(|_| definition.rules),
                budget,
            },
            begun: run.has_begun().then_some(number),
            campaign,
            until: Instant::now() + PATIENCE,
        })
    }

    /// Looks on; true: at all.
    fn go_on(&self, mut progress: Progress) -> Result<(Progress, bool), Error> {
        let mut looked = 0;
        if self.campaign.definition.is_list {
            while progress.part < self.campaign.run.parts {
                looked += self.add_part(&mut progress)?;
                if looked >= LOOKED_AT || Instant::now() >= self.until {
                    break;
                }
            }
            let done = progress.part >= self.campaign.run.parts;
            return Ok((progress, done));
        }
        while looked < LOOKED_AT && Instant::now() < self.until {
            let page =
                self.call.parts.core.engine.scan(Space::Player, progress.place.take(), AT_ONCE, self.call.deadline)?;
            looked += page.records.len();
            for record in &page.records {
                self.add_player(&mut progress.forecast, record)?;
            }
            progress.place = page.after;
            if progress.place.is_none() {
                return Ok((progress, true));
            }
        }
        Ok((progress, false))
    }

    fn add_part(&self, progress: &mut Progress) -> Result<usize, Error> {
        let engine = &self.call.parts.core.engine;
        let part = engine.ask(campaign::read_part(&self.campaign.id, progress.part), self.call.deadline)?;
        progress.part += 1;
        let players = part.unwrap_or_default().players;
        for (openid, _) in &players {
            if let Some(prospect) = self.prospect(openid)? {
                self.add(&mut progress.forecast, &prospect);
            }
        }
        Ok(players.len())
    }

    /// How a player stands; None: his record is damaged, which is told where somebody calls for him.
    fn prospect(&self, openid: &str) -> Result<Option<Prospect>, Error> {
        match self.call.parts.core.engine.ask(campaign::prospect(openid), self.call.deadline) {
            Err(e) if e.status == Status::Store && e.retry == Retry::Never => Ok(None),
            other => other.map(Some),
        }
    }

    fn add_player(&self, forecast: &mut Forecast, record: &Scanned) -> Result<(), Error> {
        let leave = self.campaign.definition.leave;
        let Ok(Some(said)) = campaign::of_audience(&record.name, &record.value, &self.template, leave) else {
            return Ok(());
        };
        let caps = self.bound.rules && (self.bound.caps.per_day.is_some() || self.bound.caps.per_week.is_some());
        let prospect = if said.is_none() && (caps || self.begun.is_some()) {
            let openid = String::from_utf8_lossy(record.name.id());
            self.prospect(&openid)?
        } else {
            campaign::prospect_in(&record.name, &record.value, self.call.parts.core.engine.wall_ms()).ok()
        };
        if let Some(prospect) = &prospect {
            self.add(forecast, prospect);
        }
        Ok(())
    }

    fn add(&self, forecast: &mut Forecast, prospect: &Prospect) {
        // Who had it is neither reached nor passed over.
        if self.begun.is_some_and(|number| prospect.had(number).is_some()) {
            return;
        }
        forecast.add(&self.pace, !self.long_term, |ahead_ms| {
            prospect.skip(&self.bound, &self.template, self.long_term, ahead_ms)
        });
    }
}
