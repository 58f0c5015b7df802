//! Who a campaign is for, as the lasting record alone tells it.

use super::super::player::Player;
use super::super::rules;
use super::super::template::TemplateId;
use super::super::{Bound, Skip};
use crate::error::{Error, SkipReason};
use crate::ledger::player::PlayerNames;
use crate::ledger::recent::Standing;
use crate::store::{Changes, Name, Operation, View};

/// What a player's lasting record says of a campaign for all whose count allows it. None: it was never asked for the
/// template. `Some(Some(_))`: why it is passed over, now.
///
/// # Errors
/// [`crate::Status::Store`] for a damaged or newer record.
pub fn of_audience(
    name: &Name,
    record: &[u8],
    template: &TemplateId,
    leave: u64,
) -> Result<Option<Option<SkipReason>>, Error> {
    let mut player = Player::default();
    player.read_lasting(name, record)?;
    let Some(count) = player.count(template) else { return Ok(None) };
    Ok(Some(match count.granted.saturating_sub(count.spent) {
        0 => Some(SkipReason::Count),
        left if left <= leave => Some(SkipReason::Leave),
        _ => None,
    }))
}

/// A player as a forecast looks at him.
pub struct Prospect {
    player: Player,
    wall_ms: i64,
}

impl Prospect {
    /// Why a send would not reach him, at that time from when he was read on; None: it would.
    pub fn skip(&self, bound: &Bound, template: &TemplateId, long_term: bool, ahead_ms: i64) -> Option<Skip> {
        rules::check(&self.player, bound, template, long_term, true, self.wall_ms, ahead_ms)
    }

    /// Whether he had the campaign's message already, or may have had.
    pub fn had(&self, number: u64) -> Option<Standing> {
        self.player.recent.had(number)
    }
}

/// Reads a player for a forecast.
pub fn prospect(openid: &str) -> Operation<Prospect> {
    let names = PlayerNames::new(openid);
    Operation {
        reads: names.and([]),
        proven: false,
        trace: None,
        decide: Box::new(move |view: &View<'_>| {
            let player = Player::load(view, &names)?.player;
            Ok((Changes::default(), Prospect { player, wall_ms: view.time.wall_ms }))
        }),
    }
}

/// The same from the lasting record alone, where nothing that passes matters.
///
/// # Errors
/// [`crate::Status::Store`] for a damaged or newer record.
pub fn prospect_in(name: &Name, record: &[u8], wall_ms: i64) -> Result<Prospect, Error> {
    let mut player = Player::default();
    player.read_lasting(name, record)?;
    Ok(Prospect { player, wall_ms })
}
