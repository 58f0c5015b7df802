//! Several requests at once, to as many servers as it takes.

use std::sync::Arc;

use super::error::Failure;
use super::node::Answers;
use super::router::{Request, Router};
use crate::clock::Deadline;
use crate::panics;

impl Router {
    /// Several requests at once, one try each; those for one server share a round trip, and no server's silence uses up the
    /// time of another.
    pub fn exchange_all(&self, requests: &[Request], deadline: Deadline) -> Vec<Result<Answers, Failure>> {
        let calls: Vec<_> = requests.iter().map(|request| self.enqueue(request, false, deadline)).collect();
        let mut of_nodes: Vec<Vec<usize>> = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            let Ok((node, _)) = call else { continue };
            let is_same = |other: &usize| matches!(&calls[*other], Ok((first, _)) if Arc::ptr_eq(first, node));
            match of_nodes.iter_mut().find(|group| group.first().is_some_and(is_same)) {
                Some(group) => group.push(at),
                None => of_nodes.push(vec![at]),
            }
        }
        let finish = |group: &[usize]| -> Vec<(usize, Result<Answers, Failure>)> {
            let done = group.iter().filter_map(|at| Some((*at, calls[*at].as_ref().ok()?)));
            done.map(|(at, (node, call))| (at, self.finish(node, call))).collect()
        };
        let mut done: Vec<Result<Answers, Failure>> =
            calls.iter().map(|call| Err(call.as_ref().err().cloned().unwrap_or_else(interrupted))).collect();
        let finished = std::thread::scope(|scope| {
            let (own, others) = of_nodes.split_first().map_or((&[][..], &[][..]), |(own, others)| (&own[..], others));
            let begin = |group| {
                let thread = std::thread::Builder::new().name("wxsub-store".to_owned());
                // Where there is no thread to be had they come one after the other.
                let finish = move || panics::catch(|| finish(group)).unwrap_or_default();
                thread.spawn_scoped(scope, finish).map_err(|_| group)
            };
            let begun: Vec<_> = others.iter().map(|group| begin(&group[..])).collect();
            let mut finished = finish(own);
            for other in begun {
                match other {
                    Ok(thread) => finished.extend(thread.join().unwrap_or_default()),
                    Err(group) => finished.extend(finish(group)),
                }
            }
            finished
        });
        for (at, answers) in finished {
            if let Err(failure) = &answers {
                self.learn(requests[at].slot, failure);
            }
            done[at] = answers;
        }
        done
    }
}

fn interrupted() -> Failure {
    Failure::Lost("a bug of wxsub's was caught on the way".to_owned())
}
