//! The outbox: messages are put there, found when their time comes, taken back, looked up.

use super::key::{self, Conflict, Key, Seen};
use super::message::{self, Disposition, Message, Payload, State, dispose};
use super::player::Player;
use super::template::{Template, TemplateId};
use super::verdict::{self, found_running};
use crate::error::{Error, Status, Verdict};
use crate::store::{Changes, Name, Operation, Stop, View, When};

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
    let name = message::name_of(&new.openid, new.key.as_deref(), new.number);
    let mut reads = Player::names(&new.openid).to_vec();
    reads.push(name.clone());
    reads.extend(new.key.as_deref().map(|key| key::of_send(&new.openid, key)));
    let trace = Some(Player::trace(&new.openid));
    Operation { reads, proven: true, trace, decide: Box::new(move |view| decide_enqueue(&new, &name, view)) }
}

fn decide_enqueue(new: &NewMessage, name: &Name, view: &View<'_>) -> Result<(Changes, EnqueueResult), Stop> {
    let mut changes = Changes::default();
    let loaded = Player::load(view, &new.openid)?;
    let mut result = EnqueueResult::Stored;
    if let Some(waiting) = Message::load(view, name)? {
        match beside(new, waiting) {
            EnqueueResult::Replaced => result = EnqueueResult::Replaced,
            other => return Ok((changes, other)),
        }
    } else if let Some(key) = &new.key {
        let key = Key::load(view, &key::of_send(&new.openid, key), loaded.player.birth)?;
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
    .save(name.clone(), &view.time, &mut changes);
    loaded.save(view, &mut changes);
    Ok((changes, result))
}

/// Where one with the key is there already.
fn beside(new: &NewMessage, waiting: Message) -> EnqueueResult {
    match waiting.state {
        State::Ended(verdict) => EnqueueResult::Before(*verdict),
        _ if !new.replace && waiting.template_id == new.template.id() => EnqueueResult::Kept,
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
    let mut reads = vec![name.clone()];
    reads.extend(seen.key.as_deref().map(|key| key::of_send(&seen.openid, key)));
    reads.extend(Player::names(&seen.openid));
    let trace = Some(Player::trace(&seen.openid));
    let decide = Box::new(move |view: &View<'_>| decide_finish(&name, &seen, &tried, spread, view));
    Operation { reads, proven: false, trace, decide }
}

fn decide_finish(
    name: &Name,
    seen: &Message,
    tried: &Verdict,
    spread: u64,
    view: &View<'_>,
) -> Result<(Changes, Disposition), Stop> {
    let mut changes = Changes::default();
    let Some(mut message) = Message::load(view, name)?.filter(|message| message == seen) else {
        return Ok((changes, Disposition::NotOurs));
    };
    let mut loaded = Player::load(view, &seen.openid)?;
    let disposition = dispose(&message, tried.clone(), view.time.wall_ms, spread);
    match &disposition {
        Disposition::Final(last) => {
            Message::remove(name.clone(), &mut changes);
            // What was kept of an earlier call with this key stays.
            if last.flags & Verdict::REPLAYED == 0 {
                remember(&mut loaded.player, &message, last, message.in_doubt, view, &mut changes)?;
            }
        }
        Disposition::Again { due_ms, why } => {
            message.wait_again(*due_ms, why.clone(), false);
            message.save(name.clone(), &view.time, &mut changes);
        }
        Disposition::NotOurs => {}
    }
    loaded.save(view, &mut changes);
    Ok((changes, disposition))
}

/// Keeps the end of a message without a send of its own for its key, unless another call with the key runs or had an
/// effect.
fn remember(
    player: &mut Player,
    message: &Message,
    verdict: &Verdict,
    earlier: bool,
    view: &View<'_>,
    changes: &mut Changes,
) -> Result<(), Stop> {
    let Some(name) = message.key.as_deref().map(|key| key::of_send(&message.openid, key)) else { return Ok(()) };
    match Key::load(view, &name, player.birth)?.map(|key| key.seen()) {
        Some(Seen::Running(_) | Seen::Ended { effect: true, .. }) => Ok(()),
        _ => {
            player.be_born(message.sender as u32 ^ view.time.wall_ms as u32);
            let template = Template::Spelled(message.template_id.clone());
            let effect = earlier || verdict.had_effect();
            Key::done(player.birth, message.sender, template, verdict.clone(), effect).save(name, &view.time, changes);
            Ok(())
        }
    }
}

/// Ends, or lets wait again, a message whose process did not end it, or that an event has settled. None: there was
/// nothing to do; else it has ended so, and its host must be told.
pub fn recover(name: Name) -> Operation<Option<(Message, Verdict)>> {
    let reads = vec![name.clone()];
    Operation { reads, proven: false, trace: None, decide: Box::new(move |view| decide_recover(&name, view)) }
}

type Recovered = Option<(Message, Verdict)>;

fn decide_recover(name: &Name, view: &View<'_>) -> Result<(Changes, Recovered), Stop> {
    let mut changes = Changes::default();
    let Some(mut message) = Message::load(view, name)? else {
        changes.look_at(name.clone(), When::Never);
        return Ok((changes, None));
    };
    match &message.state {
        State::Ended(verdict) => {
            let verdict = (**verdict).clone();
            Message::remove(name.clone(), &mut changes);
            Ok((changes, Some((message, verdict))))
        }
        State::Sending { left_ms: 0 } => {
            let birth = Player::load(view, &message.openid)?.player.birth;
            let key_name = message.key.as_deref().map(|key| key::of_send(&message.openid, key));
            let sender = message.sender;
            let key = match &key_name {
                Some(name) => Key::load(view, name, birth)?.filter(|key| key.holder == sender),
                None => None,
            };
            if message.payload.resend {
                if let (Some(name), Some(_)) = (key_name, key) {
                    changes.put(name, None, None);
                }
                let why = "the process that sent it ended before the verdict".to_owned();
                message.wait_again(view.time.wall_ms, why, true);
                message.save(name.clone(), &view.time, &mut changes);
                return Ok((changes, None));
            }
            let verdict = found_running();
            if let (Some(name), Some(key)) = (key_name, key) {
                Key::done(birth, sender, key.template, verdict.clone(), true).save(name, &view.time, &mut changes);
            }
            Message::remove(name.clone(), &mut changes);
            Ok((changes, Some((message, verdict))))
        }
        State::Sending { .. } | State::Waiting => Ok((changes, None)),
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
    let reads = names(&openid, &key);
    let trace = Some(Player::trace(&openid));
    let decide = Box::new(move |view: &View<'_>| decide_cancel(&openid, &key, &cancelled, view));
    Operation { reads, proven: true, trace, decide }
}

fn names(openid: &str, key: &str) -> Vec<Name> {
    let mut names = Player::names(openid).to_vec();
    names.push(message::name_of(openid, Some(key), 0));
    names.push(key::of_send(openid, key));
    names
}

fn decide_cancel(openid: &str, key: &str, verdict: &Verdict, view: &View<'_>) -> Result<(Changes, Cancelled), Stop> {
    let mut changes = Changes::default();
    let mut loaded = Player::load(view, openid)?;
    let name = message::name_of(openid, Some(key), 0);
    let Some(mut message) = Message::load(view, &name)? else {
        let key = Key::load(view, &key::of_send(openid, key), loaded.player.birth)?;
        let cancelled = match key.map(|key| (key.seen(), key.template)) {
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
            remember(&mut loaded.player, &message, &verdict, true, view, &mut changes)?;
            message.state = State::Ended(Box::new(verdict.clone()));
            message.save(name, &view.time, &mut changes);
            Cancelled::TooLate(Some((verdict, template)))
        }
        State::Waiting => {
            let verdict = Verdict { tag: message.payload.tag, ..verdict.clone() };
            remember(&mut loaded.player, &message, &verdict, false, view, &mut changes)?;
            Message::remove(name, &mut changes);
            Cancelled::Now { template_id: message.template_id, tag: message.payload.tag }
        }
    };
    loaded.save(view, &mut changes);
    Ok((changes, cancelled))
}

/// What is known of a keyed message.
#[derive(Debug)]
pub enum KeyStatus {
    /// It waits, and is due in so many milliseconds.
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
    /// It is being sent; the lease ends in so many milliseconds.
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
    let reads = names(&openid, &key);
    let decide = Box::new(move |view: &View<'_>| Ok((Changes::default(), decide_look_up(&openid, &key, view)?)));
    Operation { reads, proven: false, trace: None, decide }
}

fn decide_look_up(openid: &str, key: &str, view: &View<'_>) -> Result<KeyStatus, Stop> {
    let ended = |verdict, template, effect| KeyStatus::Ended { verdict, template, effect };
    if let Some(message) = Message::load(view, &message::name_of(openid, Some(key), 0))? {
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
    let birth = Player::load(view, openid)?.player.birth;
    let key = Key::load(view, &key::of_send(openid, key), birth)?;
    Ok(match key.map(|key| (key.seen(), key.template)) {
        Some((Seen::Ended { verdict, effect, .. }, template)) => ended(verdict, template, effect),
        Some((Seen::Running(ms), _)) => KeyStatus::Sending(ms),
        None => KeyStatus::NotFound,
    })
}

/// The verdict on a message that was taken back.
pub fn cancelled() -> Error {
    Error::new(Status::Cancelled, verdict::CANCELLED)
}

/// Takes a message whose record is damaged off the agenda; the record stays as it is.
pub fn set_aside(name: Name) -> Operation<()> {
    let decide = Box::new(move |_: &View<'_>| {
        let mut changes = Changes::default();
        changes.look_at(name.clone(), When::Never);
        Ok((changes, ()))
    });
    Operation { reads: Vec::new(), proven: false, trace: None, decide }
}
