//! Places in the order of players that a campaign's record names.

use super::record::{Run, run_name};
use crate::store::{Changes, Operation, View};

/// Whether a campaign's record names a place, as it was written last.
pub fn names_place(id: &str, place: Box<[u8]>) -> Operation<bool> {
    let (reads, id) = (vec![run_name(id)], id.to_owned());
    let decide = Box::new(move |view: &View<'_>| {
        let run = Run::load(view, &id)?;
        Ok((Changes::default(), run.is_some_and(|mut run| run.places().any(|other| *other == place))))
    });
    Operation { reads, proven: false, trace: None, decide }
}

/// Puts another place wherever a campaign's record names this one.
pub fn move_place(id: &str, place: Box<[u8]>, instead: Box<[u8]>) -> Operation<()> {
    let (reads, id) = (vec![run_name(id)], id.to_owned());
    let decide = Box::new(move |view: &View<'_>| {
        let mut changes = Changes::default();
        if let Some(mut run) = Run::load(view, &id)? {
            run.places().filter(|other| **other == place).for_each(|other| other.clone_from(&instead));
            run.save(&id, &view.time, &mut changes);
        }
        Ok((changes, ()))
    });
    Operation { reads, proven: false, trace: None, decide }
}
