//! Which templates a player should be asked for now.

use super::denial::is_within;
use super::message::{Message, State};
use super::player::{Player, PlayerNames};
use super::template::TemplateId;
use crate::store::{Changes, Name, Operation, Stop, View};

/// What a host would ask a player for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The player.
    pub openid: String,
    /// In order of worth.
    pub wishes: Vec<Wish>,
    /// Templates that are asked for at once, at most.
    pub most: usize,
    /// How long he is not asked after a refusal or a ban.
    pub again_ms: i64,
    /// Records of messages to him, or some of them.
    pub waiting: Vec<(Name, Vec<u8>)>,
}

/// A template that a host would ask for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which.
    pub template: TemplateId,
    /// The count that is enough.
    pub keep: u64,
    /// The template is on or off: once is enough, and a count above 0 is told as 1.
    pub long_term: bool,
    /// WeChat banned it a moment ago.
    pub banned: bool,
}

/// Why a player is asked for a template, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskWhy {
    /// WeChat bans it, or the player's device was told so.
    Banned,
    /// The player refused not long ago.
    Refused,
    /// The count is high enough.
    Stocked,
    /// It is worth asking.
    Ask,
}

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Places in [`Ask::wishes`]; none: do not ask now.
    pub ask: Vec<usize>,
    /// For each wish the count, and why it is asked for or not.
    pub standings: Vec<(i64, AskWhy)>,
}

/// Plans what to ask a player for.
pub fn ask(ask: Ask) -> Operation<Plan> {
    let names = PlayerNames::new(&ask.openid);
    let reads = names.and([]);
    let decide = Box::new(move |view: &View<'_>| Ok((Changes::default(), plan(&ask, &names, view)?)));
    Operation { reads, proven: false, trace: None, decide }
}

fn plan(ask: &Ask, names: &PlayerNames, view: &View<'_>) -> Result<Plan, Stop> {
    let player = Player::load(view, names)?.player;
    let standings: Vec<(i64, AskWhy)> = ask.wishes.iter().map(|wish| standing(&player, wish, ask, view)).collect();
    // One that does not check is for the dispatcher to set aside; here it only would have come first.
    let waiting = ask.waiting.iter().filter_map(|(name, record)| Message::decode(name, record, &view.time).ok());
    let waited_for: Vec<String> = waiting
        .filter(|message| !matches!(message.state, State::Ended(_)) && message.openid == ask.openid)
        .map(|message| message.template_id)
        .collect();
    let mut places: Vec<usize> = (0..standings.len()).filter(|at| standings[*at].1 == AskWhy::Ask).collect();
    places.sort_by_key(|at| !waited_for.iter().any(|id| id == ask.wishes[*at].template.id()));
    places.truncate(ask.most);
    Ok(Plan { ask: places, standings })
}

fn standing(player: &Player, wish: &Wish, ask: &Ask, view: &View<'_>) -> (i64, AskWhy) {
    let remaining = player.remaining(&wish.template);
    let (count, keep) = if wish.long_term { (remaining.min(1), wish.keep.min(1)) } else { (remaining, wish.keep) };
    let denial = player.count(&wish.template).and_then(|count| count.denial);
    let denial = denial.filter(|denial| is_within(denial.at_s, ask.again_ms, &view.time));
    let standing = if wish.banned || denial.is_some_and(|denial| denial.banned) {
        AskWhy::Banned
    } else if denial.is_some() || is_within(player.refused_all_s, ask.again_ms, &view.time) {
        AskWhy::Refused
    } else if u64::try_from(count).unwrap_or(0) >= keep {
        AskWhy::Stocked
    } else {
        AskWhy::Ask
    };
    (count, standing)
}
