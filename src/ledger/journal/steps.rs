//! Steps that leave something in the journal and hardly anything else.

use super::enter::{Told, count, ended_unsent, enter, enter_send};
use super::entry::{Entry, What};
use super::funnel::Column;
use crate::error::Verdict;
use crate::ledger::forget::{trace_read, was_forgotten_since};
use crate::ledger::player::{Player, PlayerNames};
use crate::ledger::rules::CampaignSend;
use crate::ledger::template::{Template, TemplateId};
use crate::store::{Changes, Operation, View};

/// A message that ended without a send: its count was 0, its template unknown, its time over.
pub struct Unsent {
    /// Its template.
    pub template: TemplateId,
    /// Its key.
    pub key: Option<String>,
    /// The campaign that it is of: there it is told once of each player.
    pub campaign: Option<CampaignSend>,
    /// How it ended.
    pub verdict: Verdict,
    /// When, Unix milliseconds: a player who was forgotten since leaves no more than a number.
    pub ended_ms: i64,
}

/// Counts and enters a message that ended without a send. Nobody waits for this.
pub fn note_unsent(openid: &str, unsent: Unsent) -> Operation<()> {
    let Unsent { template, key, campaign, verdict, ended_ms } = unsent;
    let names = PlayerNames::new(openid);
    let (reads, trace) = (names.and([trace_read(&names.lasting)]), names.trace());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        let is_forgotten = was_forgotten_since(&names.lasting, ended_ms, view)?;
        if let Some(send) = campaign.as_ref().filter(|_| !is_forgotten)
            && !loaded.player.recent.note_unsent(send.number, send.remember_ms)
        {
            return Ok((changes, ()));
        }
        ended_unsent(&mut changes, view, template.counted_as(), verdict.status);
        if is_forgotten {
            return Ok((changes, ()));
        }
        let remaining = loaded.player.remaining(&template);
        let told = Told {
            what: What::Send,
            template: loaded.player.name_of(&template),
            verdict: &Verdict { remaining, ..verdict.clone() },
            key: key.as_deref(),
            before: Some(remaining),
            campaign: campaign.as_ref().map(|send| send.id.as_str()),
        };
        enter_send(&mut changes, view, &mut loaded.player, &names.lasting, told);
        loaded.save(view, &mut changes);
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace, decide }
}

/// What an opening came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Whether it was counted.
    pub counted: bool,
    /// The template of the last message that was sent to the player, if that was lately.
    pub template: Option<Template>,
}

/// The player came in by a message: counts for the last one that was sent to him lately, once.
pub fn opened(openid: &str) -> Operation<Opening> {
    let names = PlayerNames::new(openid);
    let (reads, trace) = (names.and([]), names.trace());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        let Some(last) = &mut loaded.player.recent.last_sent else {
            return Ok((changes, Opening { counted: false, template: None }));
        };
        let (counted, template) = (!last.opened, last.template.clone());
        last.opened = true;
        if counted {
            count(&mut changes, view, view.time.wall_ms, template.clone(), Column::Opened, 1);
            let entry = Entry { template: Some(template.clone()), ..Entry::new(What::Opened, &names.lasting) };
            enter(&mut changes, view, &mut loaded.player, &names.lasting, entry);
            loaded.save(view, &mut changes);
        }
        Ok((changes, Opening { counted, template: Some(template) }))
    });
    Operation { reads, proven: false, trace, decide }
}

/// Has campaigns, and sends that the host's rules bind, pass over a player until this Unix time in milliseconds; 0: not any
/// more. `number`: any number, unlike others'.
pub fn mute(openid: &str, until_ms: i64, number: i64) -> Operation<()> {
    let names = PlayerNames::new(openid);
    let (reads, trace) = (names.and([]), names.trace());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        let player = &mut loaded.player;
        if until_ms == 0 && player.muted_until_ms == 0 {
            return Ok((changes, ()));
        }
        player.muted_until_ms = until_ms;
        player.be_born(number as u32 ^ (number >> 32) as u32);
        loaded.save(view, &mut changes);
        Ok((changes, ()))
    });
    Operation { reads, proven: true, trace, decide }
}
