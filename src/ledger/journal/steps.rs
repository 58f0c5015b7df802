//! Steps that leave something in the journal and hardly anything else.

use super::enter::{Told, count, ended_unsent, enter, enter_send};
use super::entry::{Entry, What};
use super::funnel::Column;
use crate::error::Verdict;
use crate::ledger::player::{Player, PlayerNames};
use crate::ledger::template::{Template, TemplateId};
use crate::store::{Changes, Operation, View};

/// A message that ended without a send: its count was 0, its template unknown, its time over. Nobody waits for this.
pub fn note_unsent(
    openid: &str,
    template: TemplateId,
    key: Option<String>,
    campaign: Option<String>,
    verdict: Verdict,
) -> Operation<()> {
    let names = PlayerNames::new(openid);
    let (reads, trace) = (names.and([]), names.trace());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        ended_unsent(&mut changes, view, template.counted_as(), verdict.status);
        let remaining = loaded.player.remaining(&template);
        let told = Told {
            what: What::Send,
            template: loaded.player.name_of(&template),
            verdict: &Verdict { remaining, ..verdict.clone() },
            key: key.as_deref(),
            before: Some(remaining),
            campaign: campaign.as_deref(),
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
