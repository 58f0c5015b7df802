//! The outbox: messages are put there, found when their time comes, taken back, looked up.

use super::journal::{self, Told, What};
use super::key::{self, Conflict, Key, Seen};
use super::message::{self, Disposition, Message, Payload, State, dispose};
use super::player::{Player, PlayerNames};
use super::template::{Template, TemplateId};
use super::verdict::{self, found_running};
use crate::error::{Error, Status, Verdict};
use crate::store::{Changes, Name, Operation, Stop, View};

/// A message that is to be put into the outbox.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The player.
    pub openid: String,
    /// The template.
    pub template: TemplateId,
    /// Idempotency, and the name by which it can be cancelled and looked up.
    pub key: Option<String>,
    /// Names it where it has no key.
    pub number: i64,
    /// Whether it takes the place of one that waits with its key; else that one stays.
    pub replace: bool,
    /// When it is due, Unix milliseconds.
    pub due_ms: i64,
    /// When it is too late, Unix milliseconds.
    pub expires_ms: i64,
    /// The rest.
    pub payload: Payload,
}

/// What became of a new message.
#[derive(Debug)]
pub enum EnqueueResult {
    /// It waits.
    Stored,
    /// One with its key waits already, or is being sent, and stays.
    Kept,
    /// It waits instead of the one that had its key.
    Replaced,
    /// One with its key was sent, or may have been.
    Before(Verdict),
    /// One with its key is being sent; it can't be replaced any more, or the call that sends it isn't over: ask again
    /// after so many milliseconds.
    Sending(i64),
    /// The key belongs to this other template.
    OtherTemplate(Template),
}

/// Lets a message wait for its time, once per key.
pub fn enqueue(new: NewMessage) -> Operation<EnqueueResult> {
    let names = Names::new(&new.openid, new.key.as_deref(), new.number);
    let (reads, trace) = (names.reads(), names.player.trace());
    Operation { reads, proven: true, trace, decide: Box::new(move |view| decide_enqueue(&new, &names, view)) }
}

/// What a step on a message may touch.
pub struct Names {
    pub player: PlayerNames,
    pub message: Name,
    pub key: Option<Name>,
}

impl Names {
    fn new(openid: &str, key: Option<&str>, number: i64) -> Names {
        let player = PlayerNames::new(openid);
        let message = message::name_of(&player.lasting, key, number);
        let key = key.map(|key| key::of_send(&player.lasting, key));
        Names { player, message, key }
    }

    /// Those of a message that is there.
    pub fn of(name: Name, message: &Message) -> Names {
        Names { message: name, ..Names::new(&message.openid, message.key.as_deref(), 0) }
    }

    /// What the key tells whoever looks, and of which template.
    fn key_seen(&self, player: &Player, view: &View<'_>) -> Result<Option<(Seen, Template)>, Stop> {
        let Some(name) = &self.key else { return Ok(None) };
        let key = Key::load(view, &Changes::default(), name, player.birth)?;
        Ok(key.map(|key| (key.seen(), key.template)))
    }

    pub fn reads(&self) -> Vec<Name> {
        self.player.and([&self.message].into_iter().chain(&self.key).cloned())
    }
}

fn decide_enqueue(new: &NewMessage, names: &Names, view: &View<'_>) -> Result<(Changes, EnqueueResult), Stop> {
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, &names.player)?;
    let mut result = EnqueueResult::Stored;
    if let Some(waiting) = Message::load(view, &names.message)? {
        match beside(new, waiting) {
            EnqueueResult::Replaced => result = EnqueueResult::Replaced,
            other => return Ok((changes, other)),
        }
    } else if let Some(key) = &names.key {
        let key = Key::load(view, &changes, key, loaded.player.birth)?;
        match key::conflict(key.as_ref(), &new.template) {
            None => {}
            Some(Conflict::Before(verdict)) => return Ok((changes, EnqueueResult::Before(verdict))),
            Some(Conflict::Running(ms)) => return Ok((changes, EnqueueResult::Sending(ms))),
            Some(Conflict::OtherTemplate(other)) => return Ok((changes, EnqueueResult::OtherTemplate(other))),
        }
    }
    // Without a sender, whoever holds the replaced one finds it gone.
    Message {
        openid: new.openid.clone(),
        template_id: new.template.id().to_owned(),
        key: new.key.clone(),
        due_ms: new.due_ms,
        expires_ms: new.expires_ms,
        payload: new.payload.clone(),
        tries: 0,
        why: String::new(),
        in_doubt: false,
        sender: 0,
        state: State::Waiting,
    }
    .save(names.message.clone(), &view.time, &mut changes);
    let stored = Verdict::default();
    let told = Told {
        what: What::Stored,
        template: new.template.to_template(),
        verdict: &stored,
        key: new.key.as_deref(),
        before: None,
        campaign: None,
    };
    journal::enter_send(&mut changes, view, &mut loaded.player, &names.player.lasting, told);
    loaded.save(view, &mut changes);
    Ok((changes, result))
}

/// Where one with the key is there already.
fn beside(new: &NewMessage, waiting: Message) -> EnqueueResult {
    let same_template = waiting.template_id == new.template.id();
    match waiting.state {
        // Whoever finds it next frees the key, and does so at once.
        State::Ended(verdict) if !verdict.had_effect() => EnqueueResult::Sending(1),
        State::Ended(verdict) if same_template => EnqueueResult::Before(*verdict),
        State::Ended(_) => EnqueueResult::OtherTemplate(Template::Spelled(waiting.template_id)),
        _ if !new.replace && same_template => EnqueueResult::Kept,
        _ if !new.replace => EnqueueResult::OtherTemplate(Template::Spelled(waiting.template_id)),
        State::Sending { left_ms } => EnqueueResult::Sending(left_ms.max(1)),
        State::Waiting => EnqueueResult::Replaced,
    }
}

/// A message of the outbox as it is now.
pub fn peek(name: Name) -> Operation<Option<Message>> {
    let decide = Box::new({
        let name = name.clone();
        move |view: &View<'_>| Ok((Changes::default(), Message::load(view, &name)?))
    });
    Operation { reads: vec![name], proven: false, trace: None, decide }
}

/// Ends a message that was not begun, or lets it wait again. `seen`: as it was read.
pub fn finish(name: Name, seen: Message, tried: Verdict, spread: u64) -> Operation<Disposition> {
    let names = Names::of(name, &seen);
    let (reads, trace) = (names.reads(), names.player.trace());
    let decide = Box::new(move |view: &View<'_>| decide_finish(&names, &seen, &tried, spread, view));
    Operation { reads, proven: false, trace, decide }
}

fn decide_finish(
    names: &Names,
    seen: &Message,
    tried: &Verdict,
    spread: u64,
    view: &View<'_>,
) -> Result<(Changes, Disposition), Stop> {
    let mut changes = Changes::default();
    let Some(mut message) = Message::load(view, &names.message)?.filter(|message| message == seen) else {
        return Ok((changes, Disposition::NotOurs));
    };
    let mut loaded = Player::load(view, &names.player)?;
    let disposition = dispose(&message, tried.clone(), view.time.wall_ms, spread);
    match &disposition {
        Disposition::Final(last) => {
            Message::remove(names.message.clone(), &mut changes);
            // What was kept of an earlier call with this key stays.
            if last.flags & Verdict::REPLAYED == 0 {
                remember(&mut loaded.player, names, &message, last, message.in_doubt, view, &mut changes)?;
                let template = message.template(&loaded.player);
                journal::ended_unsent(&mut changes, view, template, last.status);
                let told = message.told(&loaded.player, What::Send, last);
                journal::enter_send(&mut changes, view, &mut loaded.player, &names.player.lasting, told);
            }
        }
        Disposition::Again { due_ms, why } => {
            message.wait_again(*due_ms, why.clone(), false);
            message.save(names.message.clone(), &view.time, &mut changes);
        }
        Disposition::NotOurs => {}
    }
    loaded.save(view, &mut changes);
    Ok((changes, disposition))
}

/// Keeps the end of a message without a send of its own for its key, unless another call with the key runs or had an
/// effect.
pub fn remember(
    player: &mut Player,
    names: &Names,
    message: &Message,
    verdict: &Verdict,
    earlier: bool,
    view: &View<'_>,
    changes: &mut Changes,
) -> Result<(), Stop> {
    let Some(name) = &names.key else { return Ok(()) };
    match Key::load(view, changes, name, player.birth)?.map(|key| key.seen()) {
        Some(Seen::Running(_) | Seen::Ended { effect: true, .. }) => Ok(()),
        _ => {
            player.be_born(message.sender as u32 ^ view.time.wall_ms as u32);
            let template = Template::Spelled(message.template_id.clone());
            let effect = earlier || verdict.had_effect();
            Key::done(player.birth, message.sender, template, verdict.clone(), effect).save(
                name.clone(),
                &view.time,
                changes,
            );
            Ok(())
        }
    }
}

/// What became of a cancellation.
#[derive(Debug)]
pub enum Cancelled {
    /// It waited, and is gone.
    Now {
        /// Its template.
        template_id: String,
        /// Its caller's number.
        tag: u64,
    },
    /// It is being sent, or was sent, or may have been; with its verdict, if there is one, and its template.
    TooLate(Option<(Verdict, Template)>),
    /// Nothing has this key.
    NotFound,
}

/// Removes a message that waits; the verdict is kept for its key.
pub fn cancel(openid: String, key: String, cancelled: Verdict) -> Operation<Cancelled> {
    let names = Names::new(&openid, Some(&key), 0);
    let (reads, trace) = (names.reads(), names.player.trace());
    let decide = Box::new(move |view: &View<'_>| decide_cancel(&names, &cancelled, view));
    Operation { reads, proven: true, trace, decide }
}

fn decide_cancel(names: &Names, verdict: &Verdict, view: &View<'_>) -> Result<(Changes, Cancelled), Stop> {
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, &names.player)?;
    let name = names.message.clone();
    let Some(mut message) = Message::load(view, &name)? else {
        let cancelled = match names.key_seen(&loaded.player, view)? {
            Some((Seen::Ended { verdict, effect: true, .. }, template)) => {
                Cancelled::TooLate(Some((verdict, template)))
            }
            Some((Seen::Running(_), _)) => Cancelled::TooLate(None),
            _ => Cancelled::NotFound,
        };
        return Ok((changes, cancelled));
    };
    let template = Template::Spelled(message.template_id.clone());
    let cancelled = match &message.state {
        State::Sending { .. } => return Ok((changes, Cancelled::TooLate(None))),
        State::Ended(verdict) => return Ok((changes, Cancelled::TooLate(Some(((**verdict).clone(), template))))),
        State::Waiting if message.in_doubt => {
            // It is not sent again; whoever looks next tells its outcome.
            let verdict = found_running();
            remember(&mut loaded.player, names, &message, &verdict, true, view, &mut changes)?;
            note_cancelled(&message, &verdict, &mut loaded.player, names, view, &mut changes);
            message.state = State::Ended(Box::new(verdict.clone()));
            message.save(name, &view.time, &mut changes);
            Cancelled::TooLate(Some((verdict, template)))
        }
        State::Waiting => {
            let verdict = Verdict { tag: message.payload.tag, ..verdict.clone() };
            remember(&mut loaded.player, names, &message, &verdict, false, view, &mut changes)?;
            note_cancelled(&message, &verdict, &mut loaded.player, names, view, &mut changes);
            Message::remove(name, &mut changes);
            Cancelled::Now { template_id: message.template_id, tag: message.payload.tag }
        }
    };
    loaded.save(view, &mut changes);
    Ok((changes, cancelled))
}

/// Counts and enters a message that was taken back.
fn note_cancelled(
    message: &Message,
    verdict: &Verdict,
    player: &mut Player,
    names: &Names,
    view: &View<'_>,
    changes: &mut Changes,
) {
    journal::ended_unsent(changes, view, message.template(player), verdict.status);
    let told = message.told(player, What::Cancelled, verdict);
    journal::enter_send(changes, view, player, &names.player.lasting, told);
}

/// What is known of a keyed message.
#[derive(Debug)]
pub enum KeyStatus {
    /// It waits; in how many milliseconds it is due.
    Waits {
        /// Milliseconds.
        due_ms: i64,
        /// Its template.
        template_id: String,
        /// Its caller's number.
        tag: u64,
        /// Tries that were made.
        tries: u32,
        /// Why the last one failed.
        why: String,
    },
    /// It is being sent; in how many milliseconds the lease ends.
    Sending(i64),
    /// It has ended so.
    Ended {
        /// Its verdict.
        verdict: Verdict,
        /// Its template.
        template: Template,
        /// It had, or may have had, an effect.
        effect: bool,
    },
    /// Nothing has this key.
    NotFound,
}

/// What became of the message with this key.
pub fn look_up(openid: String, key: String) -> Operation<KeyStatus> {
    let names = Names::new(&openid, Some(&key), 0);
    let reads = names.reads();
    let decide = Box::new(move |view: &View<'_>| Ok((Changes::default(), decide_look_up(&names, view)?)));
    Operation { reads, proven: false, trace: None, decide }
}

fn decide_look_up(names: &Names, view: &View<'_>) -> Result<KeyStatus, Stop> {
    let ended = |verdict, template, effect| KeyStatus::Ended { verdict, template, effect };
    if let Some(message) = Message::load(view, &names.message)? {
        let template = Template::Spelled(message.template_id.clone());
        return Ok(match message.state {
            State::Sending { left_ms } if left_ms > 0 => KeyStatus::Sending(left_ms),
            // Whoever finds it next will say so to all.
            State::Ended(verdict) => ended(*verdict, template, true),
            State::Sending { .. } if !message.payload.resend => ended(found_running(), template, true),
            State::Sending { .. } | State::Waiting => KeyStatus::Waits {
                due_ms: message.due_ms.saturating_sub(view.time.wall_ms).max(0),
                template_id: message.template_id,
                tag: message.payload.tag,
                tries: message.tries,
                why: message.why,
            },
        });
    }
    let player = Player::load(view, &names.player)?.player;
    Ok(match names.key_seen(&player, view)? {
        Some((Seen::Ended { verdict, effect, .. }, template)) => ended(verdict, template, effect),
        Some((Seen::Running(ms), _)) => KeyStatus::Sending(ms),
        None => KeyStatus::NotFound,
    })
}

/// The verdict on a message that was taken back.
pub fn cancelled() -> Error {
    Error::new(Status::Cancelled, verdict::CANCELLED)
}
