//! A budget of a day, claimed in blocks by processes that die and come back.

use super::*;

fn claim(day: i64, process: i64, used: u64, limit: u64) -> BudgetClaim {
    BudgetClaim { template_id: "t".to_owned(), day, process, used, limit }
}

/// Processes use what they claimed, die with the rest, and release; whatever they do, never more than the limit is used.
#[test]
fn it_is_never_exceeded_and_little_is_out_of_reach() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let fixture = Fixture::machine();
        let limit = random.u64(0..3000);
        let (mut used_by_all, mut wasted, mut next_process) = (0, 0, 5);
        // Number, used, claimed.
        let mut processes: Vec<(i64, u64, u64)> = (1..=4).map(|process| (process, 0, 0)).collect();
        let mut refused = 0;
        while refused < 50 {
            let at = random.usize(0..processes.len());
            let (process, used, claimed) = &mut processes[at];
            if used < claimed {
                *used += 1;
                used_by_all += 1;
            } else {
                let now = fixture.run(claim_budget(claim(7, *process, *used, limit)));
                assert!(now >= *used && now - *used <= 64, "a block of {}", now - *used);
                // A step that is taken twice, since its answer was lost, claims nothing more.
                assert_eq!(fixture.run(claim_budget(claim(7, *process, *used, limit))), now);
                refused = if now == *used { refused + 1 } else { 0 };
                *claimed = now;
            }
            if random.u8(0..200) == 0 {
                wasted += *claimed - *used;
                *processes.get_mut(at).unwrap() = (next_process, 0, 0);
                next_process += 1;
            } else if random.u8(0..200) == 0 {
                fixture.run(release_budget(claim(7, *process, *used, limit)));
                *claimed = *used;
            }
            assert!(used_by_all <= limit, "{used_by_all} of {limit}");
        }
        let held: u64 = processes.iter().map(|(_, used, claimed)| claimed - used).sum();
        assert!(used_by_all + wasted + held >= limit, "{used_by_all} used, {wasted} wasted, {held} held of {limit}");
    }
}

#[test]
fn each_day_has_its_own_and_none_comes_back() {
    let fixture = Fixture::machine();
    let used_up = (0..).scan(0, |used, _| {
        *used = fixture.run(claim_budget(claim(7, 1, *used, 100)));
        Some(*used)
    });
    assert_eq!(used_up.take(200).last(), Some(100));
    assert_eq!(fixture.ask(budget_left("t", 7, 100)), 0);
    assert_eq!(fixture.ask(budget_left("t", 8, 100)), 100);
    assert_eq!(fixture.run(claim_budget(claim(8, 2, 0, 100))), 1);
    // A machine whose clock is behind gets nothing of a day that others have left.
    assert_eq!(fixture.run(claim_budget(claim(7, 3, 0, 100))), 0);
    assert_eq!(fixture.ask(budget_left("t", 8, 100)), 99);
}

#[test]
fn a_budget_from_another_ledger_gives_nothing_back() {
    let (here, other) = (Fixture::machine(), Fixture::machine());
    let uses = |fixture: &Fixture, process: i64, n: u64| fixture.run(release_budget(claim(7, process, n, 200)));
    uses(&here, 1, 60);
    uses(&other, 1, 40);
    uses(&other, 2, 70);
    let name = Name::account("budget:t");
    let import = |into: &Fixture, from: &Fixture| {
        let value = from.kept().record(&name);
        into.run(import_record(ImportedRecord { name: name.clone(), value, recent: None }));
    };
    for _ in 0..2 {
        import(&here, &other);
        assert_eq!(here.ask(budget_left("t", 7, 200)), 200 - 60 - 70);
    }
    // Of two days the later one counts, whichever is here.
    here.run(claim_budget(claim(8, 1, 0, 100)));
    import(&here, &other);
    assert_eq!(here.ask(budget_left("t", 8, 100)), 99);
    import(&other, &here);
    assert_eq!(other.ask(budget_left("t", 8, 100)), 99);
}

/// The clock is set back over midnight and forth again: what a process used of the later day stays used.
#[test]
fn a_day_that_comes_again_is_used_once() {
    let (fixture, mut share) = (Fixture::machine(), Share::default());
    let mut use_all = |day: i64| {
        let mut used = 0;
        loop {
            match share.take(day) {
                Taken::Now => used += 1,
                Taken::DayIsOver => return used,
                Taken::AllUsed(of) => match fixture.run(claim_budget(claim(day, 1, of, 5))) {
                    claimed if claimed > of => share.note_claimed(day, claimed),
                    _ => return used,
                },
            }
        }
    };
    assert_eq!([7, 6, 7, 8].map(&mut use_all), [5, 0, 0, 5]);
}
