//! Log lines go to the host's sink or nowhere; never to stdout or stderr.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;

/// How much a line matters; the same numbers as the C constants `WXSUB_LOG_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// An operator must act.
    Error = 1,
    /// Something went wrong and was dealt with.
    Warn = 2,
    /// Once-in-a-while facts: the store's path, a new token.
    Info = 3,
    /// Every send and every report.
    Debug = 4,
}

/// Where lines go. Called from any thread, with no lock held, never from within itself.
pub trait Sink: Send + Sync {
    /// One line, without a line break and without secrets.
    fn line(&self, level: Level, text: &str);
}

/// Lines kept for a sink that comes after them: `wxsub_set_log` needs a client, and opening one has things to say.
const KEPT: usize = 32;

/// The client's logger.
pub struct Logger {
    max_level: AtomicI32,
    state: Mutex<State>,
}

enum State {
    Waiting(Vec<(Level, String)>),
    Set(Option<Arc<dyn Sink>>),
}

thread_local! {
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// Lines of this thread for one logger, which wait until the thread holds nothing of ours.
struct Held {
    logger: *const Logger,
    depth: u32,
    lines: Vec<(Level, String)>,
}

/// While one lives, this thread's lines for its logger wait; they are written when the last one goes. So a sink is called
/// with no lock, gate or turn of ours held, and may call the library.
pub struct Hold {
    logger: Arc<Logger>,
    /// The lines are the thread's.
    _here: PhantomData<*const ()>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let lines = self.logger.with_held(|held| {
            let i = held.iter().position(|h| std::ptr::eq(h.logger, &*self.logger))?;
            held[i].depth -= 1;
            (held[i].depth == 0).then(|| held.swap_remove(i).lines)
        });
        for (level, text) in lines.flatten().unwrap_or_default() {
            self.logger.write(level, text);
        }
    }
}

impl Logger {
    /// A logger that keeps its first lines until a sink is set.
    pub fn new() -> Logger {
        Logger { max_level: AtomicI32::new(Level::Info as i32), state: Mutex::new(State::Waiting(Vec::new())) }
    }

    /// From now on lines up to `max_level` go to `sink`; the first sink gets the kept lines too. Dropping the old
    /// sink is left to whoever still calls it.
    pub fn set(&self, sink: Option<Arc<dyn Sink>>, max_level: i32) {
        let old = {
            let mut state = self.state.lock();
            self.max_level.store(if sink.is_some() { max_level } else { 0 }, Ordering::Relaxed);
            std::mem::replace(&mut *state, State::Set(sink.clone()))
        };
        if let (State::Waiting(lines), Some(sink)) = (&old, sink) {
            for (level, text) in lines {
                if *level as i32 <= max_level {
                    deliver(&*sink, *level, text);
                }
            }
        }
        drop(old);
    }

    /// Writes one line. A line that a sink's own call brings about is dropped, so that a sink may use the library.
    pub fn line(&self, level: Level, text: fmt::Arguments<'_>) {
        if level as i32 > self.max_level.load(Ordering::Relaxed) || IN_SINK.get() {
            return;
        }
        let text = one_line(&text.to_string());
        let mut text = Some(text);
        self.with_held(|held| {
            if let Some(held) = held.iter_mut().find(|h| std::ptr::eq(h.logger, self)) {
                held.lines.extend(text.take().map(|text| (level, text)));
            }
        });
        if let Some(text) = text {
            self.write(level, text);
        }
    }

    /// Makes this thread's lines wait.
    pub fn hold(self: &Arc<Self>) -> Hold {
        self.with_held(|held| match held.iter_mut().find(|h| std::ptr::eq(h.logger, &**self)) {
            Some(held) => held.depth += 1,
            None => held.push(Held { logger: &**self, depth: 1, lines: Vec::new() }),
        });
        Hold { logger: Arc::clone(self), _here: PhantomData }
    }

    /// None at a thread's end, when its own variables are gone already: a call from there writes its lines at once.
    fn with_held<T>(&self, work: impl FnOnce(&mut Vec<Held>) -> T) -> Option<T> {
        HELD.try_with(|held| work(&mut held.borrow_mut())).ok()
    }

    fn write(&self, level: Level, text: String) {
        let sink = {
            let mut state = self.state.lock();
            match &mut *state {
                State::Waiting(lines) => {
                    if lines.len() < KEPT {
                        lines.push((level, text));
                    }
                    return;
                }
                State::Set(sink) => sink.clone(),
            }
        };
        if let Some(sink) = sink {
            deliver(&*sink, level, &text);
        }
    }
}

fn deliver(sink: &dyn Sink, level: Level, text: &str) {
    struct Leave(bool);
    impl Drop for Leave {
        fn drop(&mut self) {
            IN_SINK.set(self.0);
        }
    }
    let _leave = Leave(IN_SINK.replace(true));
    sink.line(level, text);
}

/// The text with spaces in place of control characters (a line break in an errmsg forges a line) and of those that break a
/// line or turn its direction.
pub fn one_line(text: &str) -> String {
    const TURNING: [char; 3] = ['\u{61c}', '\u{200e}', '\u{200f}'];
    let turns = |c: char| TURNING.contains(&c) || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect()
}

macro_rules! log_line {
    ($logger:expr, $level:ident, $($text:tt)*) => {
        $logger.line($crate::log::Level::$level, format_args!($($text)*))
    };
}
pub(crate) use log_line;
