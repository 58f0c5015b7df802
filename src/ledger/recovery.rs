//! Messages that nobody ended: their process died, an event ended them, or their record can't be read.

use super::journal::{self, What};
use super::key::Key;
use super::message::{Message, State};
use super::outbox::{Names, remember};
use super::player::Player;
use super::verdict::found_running;
use crate::error::Verdict;
use crate::store::{Changes, Name, Operation, Stop, View, When};

/// Ends, or lets wait again, a message whose process did not end it, or that an event has settled. None: there was
/// nothing to do; else it has ended so, and its host must be told.
/// `seen`: as it was read; it may have changed since.
pub fn recover(name: Name, seen: &Message) -> Operation<Option<(Message, Verdict)>> {
    let names = Names::of(name, seen);
    let (reads, trace) = (names.reads(), names.player.trace());
    Operation { reads, proven: false, trace, decide: Box::new(move |view| decide_recover(&names, view)) }
}

type Recovered = Option<(Message, Verdict)>;

fn decide_recover(names: &Names, view: &View<'_>) -> Result<(Changes, Recovered), Stop> {
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, &names.player)?;
    let Some(message) = Message::load(view, &names.message)? else {
        leave_agenda(names.message.clone(), &mut changes);
        return Ok((changes, None));
    };
    let recovered = match &message.state {
        State::Ended(verdict) => {
            let verdict = (**verdict).clone();
            // An event may have ended it while it waited to be sent again, when its key's record was gone.
            remember(&mut loaded.player, names, &message, &verdict, message.in_doubt, view, &mut changes)?;
            Message::remove(names.message.clone(), &mut changes);
            Some((message, verdict))
        }
        State::Sending { left_ms: 0 } => end_dead(&mut loaded.player, names, message, view, &mut changes)?,
        State::Sending { .. } | State::Waiting => return Ok((changes, None)),
    };
    loaded.save(view, &mut changes);
    Ok((changes, recovered))
}

/// The process that sent it did not say what became of it.
fn end_dead(
    player: &mut Player,
    names: &Names,
    mut message: Message,
    view: &View<'_>,
    changes: &mut Changes,
) -> Result<Recovered, Stop> {
    let sender = message.sender;
    let key = match &names.key {
        Some(name) => {
            Key::load(view, changes, name, player.birth)?.filter(|key| key.holder == sender).map(|key| (name, key))
        }
        None => None,
    };
    if message.payload.resend {
        if let Some((name, _)) = key {
            changes.put(name.clone(), None, None);
        }
        let why = "the process that sent it ended before the verdict".to_owned();
        message.wait_again(view.time.wall_ms, why, true);
        if let Some(started_ms) = player.recent.uncount(sender) {
            journal::not_begun(changes, view, message.template(player), started_ms);
        }
        message.save(names.message.clone(), &view.time, changes);
        return Ok(None);
    }
    let verdict = found_running();
    if let Some((name, key)) = key {
        Key::done(player.birth, sender, key.template, verdict.clone(), true).save(name.clone(), &view.time, changes);
    }
    Message::remove(names.message.clone(), changes);
    let told = message.told(player, What::Send, &verdict);
    journal::enter_send(changes, view, player, &names.player.lasting, told);
    Ok(Some((message, verdict)))
}

/// Takes what is not there, or can't be read, off the agenda; a damaged record stays as it is.
pub fn set_aside(name: Name) -> Operation<()> {
    let reads = vec![name.clone()];
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        match Message::load(view, &name) {
            Err(Stop::Need(names)) => return Err(Stop::Need(names)),
            Ok(None) => leave_agenda(name.clone(), &mut changes),
            Err(Stop::Fail(_)) => changes.look_at(name.clone(), When::Never),
            Ok(Some(_)) => {}
        }
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Of a record that is not there. With a put, since only those are compared: else one that comes meanwhile would be on no
/// agenda.
fn leave_agenda(name: Name, changes: &mut Changes) {
    changes.put(name.clone(), None, None);
    changes.look_at(name, When::Never);
}
