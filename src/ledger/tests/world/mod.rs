//! A whole world by seed: processes that report, send, schedule and work on campaigns, crash between any two steps, lose
//! answers, are stopped past their leases; players who are muted and forgotten; clocks that jump; and a WeChat that delays,
//! refuses, loses answers, and pushes late, twice or never. What the history and the funnel say is compared with what
//! happened.
//!
//! One seed is one history, the same on every machine: no thread, no real time, no order of a hash map. Each step of a
//! history draws its numbers from the seed and its own number, so that leaving one out changes no other: that is how a
//! failing history is shrunk. `scripts/world.sh` runs fresh seeds, or one seed again.

mod acts;
mod campaigns;
mod history;
mod journal;
mod people;
mod rng;
mod stored;
mod tasks;
mod truth;
mod wechat;

use parking_lot::Mutex;

use super::lossy::{Fate as StepFate, LossyEngine};
use super::*;
use crate::error::SkipReason;
use crate::ledger::journal::column_of;
use crate::store::Space;
use campaigns::{Drive, Hand, TurnEnd, TurnOf};
use journal::Told;
use people::{HostRules, Life, Unit, Unsent};
use rng::Rng;
use stored::number_of;
use tasks::{Next, Phase, SendTask, Task, TokenTask};
use truth::{Act, Effect, Stored, Truth, read_totals};
use wechat::{Fate, Pushed, Request, Wechat};

const PLAYERS: usize = 3;
const TEMPLATES: usize = 2;
const PROCESSES: usize = 3;
/// Tasks of one process at most.
const TASKS: usize = 6;
/// For steps that concern no player.
const NOBODY: usize = usize::MAX;
/// A lease lasts so much longer than its call's deadline.
const LEASE_MARGIN: i64 = 2000;
const TOKEN_LEASE: i64 = 2000;
/// A key is forgotten no earlier.
const KEY_LIFE: i64 = DAY - 2 * HOUR;
/// A report reaches us so long after its act at most.
const REPORT_LATE: i64 = 120 * SECOND;
const EPOCH: i64 = 50 * YEAR;
/// A clock that jumps is off by less.
const CLOCK_OFF: i64 = 1800 * SECOND;

/// What is wrong, in words.
type Checked<T = ()> = Result<T, String>;

/// One process of the host's.
struct Process {
    /// Names it among all.
    id: i64,
    is_up: bool,
    /// Stopped by a debugger, or the machine is paused.
    is_stopped: bool,
    tasks: Vec<Task>,
    /// Slices of campaigns.
    hands: Vec<Hand>,
    /// What it has of budgets, by template.
    shares: [Share; TEMPLATES],
    /// Steps that ride with the next one.
    deferred: Vec<(usize, Effect, Deferred)>,
}

enum Deferred {
    /// Of this template and life.
    Settle(usize, u32, Box<Settlement>),
    Abandon(usize, u32, Box<BeginSend>),
    Note(Box<Unsent>),
}

pub struct World {
    seed: u64,
    rng: Rng,
    engine: Arc<dyn Engine>,
    memory: Arc<MemoryEngine>,
    /// Of the next step.
    fate: Arc<Mutex<StepFate>>,
    last_fate: StepFate,
    /// One clock for all, and lost answers are resolved by their number; else the machine's clocks.
    is_server: bool,
    /// What has passed since the beginning.
    now: i64,
    booted: i64,
    boot: u32,
    /// How wrong the wall clock is.
    off_by: i64,
    clocks_jump: bool,
    /// Nothing fails any more.
    is_quiet: bool,
    processes: Vec<Process>,
    last_number: i64,
    rules: HostRules,
    wechat: Wechat,
    truth: Truth,
    campaigns: Vec<Drive>,
    /// Who asks WeChat for a token, and until when nobody else may.
    asks: Option<(i64, i64)>,
    openids: Vec<String>,
    names: Vec<player::PlayerNames>,
    templates: [TemplateId; TEMPLATES],
    token_slot: TokenSlot,
    concerned: Concerned,
    history: Option<Vec<String>>,
    /// Steps of the ledger so far.
    taken: u64,
}

/// How often one late end may be counted at most.
const LATE_COUNTS: i64 = 8;

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::of_step(seed, u64::MAX);
        let memory = Arc::new(MemoryEngine::default());
        let fate = Arc::new(Mutex::new(StepFate::Arrives));
        let (is_server, next) = (rng.one_in(2), Arc::clone(&fate));
        let fates = Box::new(move |_| std::mem::replace(&mut *next.lock(), StepFate::Arrives));
        let engine = Arc::new(LossyEngine::with_fates(Arc::clone(&memory), fates, is_server));
        let openids: Vec<String> = (0..PLAYERS).map(|n| format!("o{n}")).collect();
        let process = |id| Process {
            id,
            is_up: true,
            is_stopped: false,
            tasks: Vec::new(),
            hands: Vec::new(),
            shares: Default::default(),
            deferred: Vec::new(),
        };
        let world = World {
            seed,
            engine,
            memory,
            fate,
            last_fate: StepFate::Arrives,
            is_server,
            now: 0,
            booted: -HOUR,
            boot: 1,
            off_by: 0,
            clocks_jump: rng.one_in(2),
            is_quiet: false,
            processes: (0..PROCESSES as i64).map(process).collect(),
            last_number: 1000,
            rules: HostRules::draw(&mut rng),
            wechat: Wechat::default(),
            truth: Truth::default(),
            campaigns: Vec::new(),
            asks: None,
            names: openids.iter().map(|openid| player::PlayerNames::new(openid)).collect(),
            openids,
            templates: [TemplateId::new("t0", false), TemplateId::new("t1", true)],
            token_slot: TokenSlot::new("stable", "https://api.weixin.qq.com"),
            concerned: Concerned::new("wx0", None, "machine"),
            history: None,
            taken: 0,
            rng,
        };
        world.show_clocks();
        world
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(history) = &mut self.history {
            history.push(format!("{:>9} ms  {}", self.now, what()));
        }
    }

    fn story(&self) -> String {
        self.history.as_deref().unwrap_or_default().join("\n")
    }

    /// Unix time as the store goes by it.
    fn wall(&self) -> i64 {
        self.engine.time().wall_ms
    }

    fn show_clocks(&self) {
        let wall_ms = EPOCH + self.now + self.off_by;
        self.memory.set_time(match self.is_server {
            true => Time::of_server(EPOCH + self.now),
            false => Time { wall_ms, boot_ms: self.now - self.booted, boot: self.boot },
        });
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.wechat.work(self.now, &mut self.rng);
        self.show_clocks();
    }

    fn new_number(&mut self) -> i64 {
        self.last_number += 1;
        // Like those that are drawn, they are not in order.
        (self.last_number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64
    }

    /// A step of a process: what it deferred goes first.
    fn step<A: Send + 'static>(
        &mut self,
        p: usize,
        player: usize,
        effect: Effect,
        operation: Operation<A>,
    ) -> Checked<Result<A, Error>> {
        self.flush(p)?;
        self.take(player, effect, operation)
    }

    fn flush(&mut self, p: usize) -> Checked {
        for (player, effect, deferred) in std::mem::take(&mut self.processes[p].deferred) {
            self.take_deferred(player, effect, deferred)?;
        }
        Ok(())
    }

    fn take_deferred(&mut self, player: usize, effect: Effect, deferred: Deferred) -> Checked {
        // If it fails, it is as if it had never been asked for.
        match deferred {
            Deferred::Settle(template, life, settlement) => {
                self.note_late(player, template, life);
                let settled = self.take(player, effect, settle(*settlement))?;
                self.truth.told.open[template] -= i64::from(settled.is_ok());
            }
            Deferred::Abandon(template, life, send) => {
                let abandoned = self.take(player, effect, settle::abandon(*send))?;
                // Of one who was forgotten meanwhile nobody knows any more that it was not begun.
                let is_known = abandoned.is_ok() && self.truth.lives[player].number == life;
                self.truth.told.open[template] -= i64::from(is_known);
            }
            Deferred::Note(unsent) => self.take_note(*unsent)?,
        }
        Ok(())
    }

    /// A send ends that was begun in this life; in another one nobody knows whether an event settled it. The step leaves no
    /// number with a player who was forgotten, and counts once more each time its answer is lost.
    fn note_late(&mut self, player: usize, template: usize, life: u32) {
        if self.truth.lives[player].number != life {
            self.truth.told.late[template] += LATE_COUNTS;
        }
    }

    fn take<A: Send + 'static>(
        &mut self,
        player: usize,
        effect: Effect,
        operation: Operation<A>,
    ) -> Checked<Result<A, Error>> {
        let fate = match self.rng.below(100) {
            _ if self.is_quiet => StepFate::Arrives,
            0..2 => StepFate::Fails,
            2..4 => StepFate::IsLost,
            4..6 => StepFate::AnswerIsLost,
            _ => StepFate::Arrives,
        };
        (*self.fate.lock(), self.last_fate) = (fate, fate);
        self.taken += 1;
        let answer = self.engine.run(operation, soon());
        let is_fault = |e: &Error| e.status != Status::Store || fate == StepFate::Arrives;
        if let Some(e) = answer.as_ref().err().filter(|e| is_fault(e)) {
            return Err(format!("a step fails: {e:?}"));
        }
        if fate != StepFate::Arrives {
            self.tell(|| format!("  the store: {fate:?}"));
        }
        self.recheck_after(player, effect)?;
        Ok(answer)
    }

    fn recheck(&mut self, player: usize) -> Checked {
        self.recheck_after(player, Effect::Nothing)
    }

    fn recheck_after(&mut self, player: usize, effect: Effect) -> Checked {
        if player == NOBODY {
            return Ok(());
        }
        let totals = read_totals(&*self.memory, &self.names[player], &self.templates);
        self.truth.check(player, effect, totals, &self.wechat)
    }

    fn defer(&mut self, p: usize, player: usize, effect: Effect, deferred: Deferred) {
        self.processes[p].deferred.push((player, effect, deferred));
    }

    /// What ends with a process: its tasks, and what it deferred, if that was not taken just before.
    fn crash(&mut self, p: usize) -> Checked {
        let deferred = std::mem::take(&mut self.processes[p].deferred);
        let tasks = std::mem::take(&mut self.processes[p].tasks);
        for (player, effect, deferred) in deferred {
            if self.rng.one_in(2) {
                self.take_deferred(player, effect, deferred)?;
            }
        }
        // In the middle of a step: done or not, nobody is told.
        for task in tasks {
            if let Task::Send(SendTask { stored: Some((number, ..)), .. }) | Task::Enqueue { number, .. } = &task {
                self.truth.stored[*number].in_doubt |= matches!(task, Task::Enqueue { .. });
            }
        }
        let process = &mut self.processes[p];
        (process.is_up, process.is_stopped) = (false, false);
        (process.hands, process.shares) = Default::default();
        Ok(())
    }

    fn start(&mut self, p: usize) {
        let id = self.new_number();
        let process = &mut self.processes[p];
        (process.is_up, process.is_stopped, process.id) = (true, false, id);
    }
}
