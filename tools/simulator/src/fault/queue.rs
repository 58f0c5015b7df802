use std::collections::VecDeque;

use super::Fault;
use crate::endpoint::Endpoint;

/// The queue of armed faults; `times` of each counts down.
#[derive(Default)]
pub(crate) struct Faults(VecDeque<Fault>);

impl Faults {
    pub(crate) fn arm(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.0.push_back(fault);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.0.iter().cloned().collect()
    }

    pub(crate) fn take(&mut self, endpoint: Endpoint, openid: Option<&str>, template: Option<&str>) -> Option<Fault> {
        self.take_first(|f| f.matches(endpoint, openid, template))
    }

    pub(crate) fn has_fresh_reset(&self) -> bool {
        self.0.iter().any(Fault::hits_fresh_connections)
    }

    pub(crate) fn take_fresh_reset(&mut self) -> bool {
        self.take_first(Fault::hits_fresh_connections).is_some()
    }

    fn take_first(&mut self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.0.iter().position(wanted)?;
        let fault = self.0[at].clone();
        if let Some(times) = &mut self.0[at].times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(at);
            }
        }
        Some(fault)
    }
}
