//! Everything that the library says, to be searched for what it must not say.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use wxsub::{Client, Level, Sink};

#[derive(Default)]
pub struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub fn new() -> Arc<Recorder> {
        Arc::default()
    }

    /// Hears what a client logs, from its first line on.
    pub fn listen_to(self: &Arc<Recorder>, client: &Client) {
        client.set_log(Some(Arc::clone(self) as Arc<dyn Sink>), Level::Debug as i32);
    }

    /// Hears a result, and hands it on.
    pub fn record<T: Debug>(&self, said: T) -> T {
        self.0.lock().unwrap().push(format!("{said:?} {said:#?}"));
        said
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn assert_never_recorded(&self, secret: &str) {
        let lines = self.lines();
        assert!(!lines.is_empty(), "it heard nothing at all");
        let telling: Vec<&String> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(telling.is_empty(), "{secret} was told {} times, first in {:?}", telling.len(), telling[0]);
    }
}

impl Sink for Recorder {
    fn line(&self, level: Level, text: &str) {
        self.0.lock().unwrap().push(format!("{level:?} {text}"));
    }
}
