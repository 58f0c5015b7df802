//! Every record is read as it was written, at any time, and any bytes are an error or a value.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ledger::any_record;
use crate::ledger::denial::Denial;
use crate::ledger::key::{Key, State};
use crate::ledger::player::{Count, Player, PlayerNames};
use crate::ledger::recent::{IN_DOUBT_LIFE_MS, InDoubt, LastSent, Lease, Pace, Run, StartedSend, Waiting};
use crate::ledger::recent::{MARK_LIFE_MS, Mark};
use crate::secret::Secret;
use crate::store::{Changes, Name, Stop, View};

fn template() -> impl Strategy<Value = Template> {
    prop_oneof![any::<u64>().prop_map(Template::Hash), "[a-zA-Z0-9_-]{1,128}".prop_map(Template::Spelled)]
}

fn counts() -> impl Strategy<Value = Vec<Count>> {
    let denial = (any::<bool>(), 1..i64::MAX / 1000).prop_map(|(banned, at_s)| Denial { at_s, banned });
    let numbers = (any::<u64>(), any::<u64>(), 0..i64::MAX / 1000);
    let count = (template(), numbers, prop::option::of(denial)).prop_map(|(template, (a, b, accepted_s), denial)| {
        let (granted, spent) = (a.max(b), a.min(b));
        // A time is kept only where a grant is left.
        Count { template, granted, spent, accepted_s: if granted > spent { accepted_s } else { 0 }, denial }
    });
    vec(count, 0..=64).prop_map(|mut counts| {
        let mut seen = Vec::new();
        counts.retain(|count| {
            let new = !seen.contains(&count.template);
            seen.push(count.template.clone());
            new
        });
        counts
    })
}

fn started() -> impl Strategy<Value = StartedSend> {
    let own = || prop::option::of(any::<[u8; 12]>());
    (any::<i64>(), template(), any::<u64>(), any::<[bool; 2]>(), own(), own(), any::<i64>()).prop_map(
        |(holder, template, granted, [unit, counted], key, message, started_ms)| StartedSend {
            holder,
            template,
            granted,
            unit,
            key,
            message,
            started_ms,
            counted,
        },
    )
}

fn recent() -> impl Strategy<Value = recent::Recent> {
    let lease = (1..i64::MAX / 4, prop::option::of(started())).prop_map(|(left_ms, send)| Lease { left_ms, send });
    let waiting = (any::<i64>(), 1..1000i64).prop_map(|(process, left_ms)| Waiting { process, left_ms });
    let doubt = (started(), 0..=IN_DOUBT_LIFE_MS).prop_map(|(send, age_ms)| InDoubt { send, age_ms });
    let mark = (template(), any::<[bool; 3]>(), 0..4_000_000_000_000i64, 0..=MARK_LIFE_MS).prop_map(
        |(template, [refusal, by_event, untrusted], acted_ms, age_ms)| Mark {
            template,
            refusal,
            by_event,
            untrusted,
            acted_ms,
            age_ms,
        },
    );
    let sent = vec((template(), any::<i64>()), 0..12);
    let run = (any::<u32>(), 0..HOUR, 0..HOUR, 1..u64::MAX).prop_map(|(sum, last, first, times)| Run {
        sum,
        last_ms: 50 * YEAR - last,
        first_ms: 50 * YEAR - last - first,
        times,
    });
    let last = (template(), 0..3 * DAY, any::<bool>());
    let last = last.prop_map(|(template, age_ms, opened)| LastSent { template, age_ms, opened });
    let pace = prop::option::of((0..HOUR, 1..300u32));
    let pace = pace
        .prop_map(|pace| pace.map_or(Pace::default(), |(ago, entries)| Pace { since_ms: 50 * YEAR - ago, entries }));
    let more = (prop::option::of(last), vec(run, 0..8), pace);
    let lists = (vec(doubt, 0..=32), vec(mark, 0..=256), sent, vec(any::<u64>(), 0..12));
    (prop::option::of(lease), prop::option::of(waiting), lists, more).prop_map(
        |(lease, waiting, (in_doubt, marks, sent, steps), (last_sent, runs, pace))| {
            let mut recent = passing(lease, waiting, in_doubt, marks);
            sent.iter().for_each(|(template, msgid)| recent.note_sent(template, *msgid));
            steps.into_iter().for_each(|step| recent.note_step(step));
            (recent.last_sent, recent.runs, recent.pace) = (last_sent, runs, pace);
            recent
        },
    )
}

/// A player with all that he may have; some of what passes names his own templates.
fn player() -> impl Strategy<Value = Player> {
    let parts = (1..u32::MAX, counts(), prop_oneof![Just(0), 1..i64::MAX / 1000], prop_oneof![Just(0), any::<i64>()]);
    (parts, recent(), any::<prop::sample::Index>()).prop_map(|(parts, mut recent, which)| {
        let (birth, counts, refused_all_s, muted_until_ms) = parts;
        if !counts.is_empty() {
            let own = counts[which.index(counts.len())].template.clone();
            recent.in_doubt.iter_mut().for_each(|doubt| doubt.send.template = own.clone());
            recent.marks.iter_mut().step_by(2).for_each(|mark| mark.template = own.clone());
        }
        Player { birth, counts, refused_all_s, muted_until_ms, recent }
    })
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let numbers = (any::<i32>(), any::<i32>(), any::<i64>(), any::<i64>(), any::<u64>());
    let small = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    let texts = prop_oneof![Just(SENT.to_owned()), ".{0,160}"];
    (prop::sample::select(Status::ALL), 0..3, 0..5, numbers, small, texts).prop_map(
        |(status, retry, quota, (errcode, http_status, remaining, msgid, tag), small, message)| Verdict {
            status,
            retry: [Retry::Never, Retry::Later, Retry::Unsafe][retry as usize],
            quota: [
                QuotaChange::Untouched,
                QuotaChange::Spent,
                QuotaChange::Returned,
                QuotaChange::Cleared,
                QuotaChange::Granted,
            ][quota as usize],
            errcode,
            http_status,
            remaining,
            msgid,
            tag,
            attempts: small.0,
            elapsed_ms: small.1,
            retry_after_ms: small.2,
            flags: small.3,
            message,
            ..Verdict::default()
        },
    )
}

fn messages() -> impl Strategy<Value = Message> {
    let state = prop_oneof![
        Just(MessageState::Waiting),
        (0..i64::MAX / 4).prop_map(|left_ms| MessageState::Sending { left_ms }),
        verdicts().prop_map(|verdict| MessageState::Ended(Box::new(verdict))),
    ];
    let payload =
        (".{0,300}", any::<bool>(), any::<u64>(), prop::option::of(any::<u64>()), any::<bool>(), any::<[bool; 2]>())
            .prop_map(|(body, checked, tag, timeout_ms, resend, [notify, rules])| Payload {
                body,
                checked,
                tag,
                timeout_ms,
                resend,
                notify,
                rules,
            });
    let texts = ("[a-z]{1,128}", "[a-zA-Z0-9_-]{1,128}", prop::option::of(".{1,128}"), ".{0,160}");
    let numbers = (any::<i64>(), any::<i64>(), any::<u32>(), any::<i64>());
    (texts, numbers, payload, any::<bool>(), state).prop_map(
        |((openid, template_id, key, why), (due_ms, expires_ms, tries, sender), payload, in_doubt, state)| Message {
            openid,
            template_id,
            key,
            due_ms,
            expires_ms,
            payload,
            tries,
            why,
            in_doubt,
            sender,
            state,
        },
    )
}

/// Takes one step that changes records by hand.
fn change<A: Send + 'static>(
    fixture: &Fixture,
    reads: Vec<Name>,
    mut decide: impl FnMut(&View<'_>) -> Result<(Changes, A), Stop> + Send + 'static,
) -> A {
    fixture.run(Operation { reads, proven: false, trace: None, decide: Box::new(move |view| decide(view)) })
}

fn put_player(fixture: &Fixture, player: &Player) {
    let (names, player) = (PlayerNames::new("o"), player.clone());
    change(fixture, names.and([]), move |view| {
        let mut changes = Changes::default();
        let mut loaded = Player::load(view, &names)?;
        loaded.player = player.clone();
        loaded.save(view, &mut changes);
        Ok((changes, ()))
    });
}

fn get_player(fixture: &Fixture) -> Player {
    let names = PlayerNames::new("o");
    change(fixture, names.and([]), move |view| Ok((Changes::default(), Player::load(view, &names)?.player)))
}

/// What is left of a player's record after so much time of the same boot.
fn aged(mut player: Player, ms: i64) -> Player {
    let recent = &mut player.recent;
    recent.lease.iter_mut().for_each(|lease| lease.left_ms = (lease.left_ms - ms).max(0));
    recent.lease.take_if(|lease| lease.left_ms == 0 && lease.send.is_none());
    recent.waiting.iter_mut().for_each(|waiting| waiting.left_ms -= ms);
    recent.waiting.take_if(|waiting| waiting.left_ms <= 0);
    recent.in_doubt.iter_mut().for_each(|doubt| doubt.age_ms += ms);
    recent.in_doubt.retain(|doubt| doubt.age_ms <= IN_DOUBT_LIFE_MS);
    recent.marks.iter_mut().for_each(|mark| mark.age_ms += ms);
    recent.marks.retain(|mark| mark.age_ms <= MARK_LIFE_MS);
    recent.sent.iter_mut().for_each(|sent| sent.age_ms += ms);
    recent.sent.retain(|sent| sent.age_ms <= IN_DOUBT_LIFE_MS);
    recent.last_sent.iter_mut().for_each(|last| last.age_ms += ms);
    recent.last_sent.take_if(|last| last.age_ms >= 3 * DAY);
    if ms >= HOUR {
        (recent.runs, recent.pace) = (Vec::new(), Pace::default());
    }
    player
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_player_is_read_as_written_and_as_old_as_he_is(player in player(), ms in 0..2 * DAY, jump in -YEAR..YEAR) {
        for new in [Fixture::machine as New, Fixture::server] {
            let mut fixture = new();
            put_player(&fixture, &player);
            if !fixture.is_server() {
                prop_assert_eq!(&get_player(&fixture), &player);
            }
            fixture.set_clock(jump);
            fixture.pass(ms);
            let mut expected = aged(player.clone(), ms);
            let mut found = get_player(&fixture);
            // A server's steps leave their numbers, which no test foresees.
            if fixture.is_server() {
                (expected.recent, found.recent) = (without_steps(&expected.recent), without_steps(&found.recent));
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn after_a_reboot_leases_are_over_and_ages_never_fall(player in player(), passed in -YEAR..YEAR) {
        let mut fixture = Fixture::machine();
        put_player(&fixture, &player);
        fixture.reboot(passed);
        let found = get_player(&fixture);
        let by_wall = (passed - HOUR).max(0);
        let mut expected = aged(player, by_wall);
        expected.recent.waiting = None;
        expected.recent.lease.iter_mut().for_each(|lease| lease.left_ms = 0);
        expected.recent.lease.take_if(|lease| lease.send.is_none());
        prop_assert_eq!(&found, &expected);
        // Written anew, it goes by the new boot's clock.
        let mut touched = found.clone();
        touched.recent.note_step(5);
        put_player(&fixture, &touched);
        fixture.set_clock(YEAR);
        prop_assert_eq!(get_player(&fixture), touched);
    }

    #[test]
    fn a_message_is_read_as_written(message in messages(), ms in 0..2 * DAY) {
        let mut fixture = Fixture::machine();
        let name = Name::hashed(Space::Message, "o", &[b"m"]);
        let (at, written) = (name.clone(), message.clone());
        change(&fixture, vec![name.clone()], move |view| {
            let mut changes = Changes::default();
            written.save(at.clone(), &view.time, &mut changes);
            Ok((changes, ()))
        });
        prop_assert_eq!(fixture.ask(peek(name.clone())), Some(message.clone()));
        fixture.pass(ms);
        let mut expected = message;
        if let MessageState::Sending { left_ms } = &mut expected.state {
            *left_ms = (*left_ms - ms).max(0);
        }
        prop_assert_eq!(fixture.ask(peek(name)), Some(expected));
    }

    #[test]
    fn a_key_is_read_as_written(
        birth in 1..u32::MAX,
        holder: i64,
        template in template(),
        verdict in verdicts(),
        effect: bool,
        lease_ms in prop::option::of(0..DAY),
        ms in 0..3 * DAY,
    ) {
        let key = match lease_ms {
            Some(lease_ms) => Key::running(birth, holder, template, lease_ms),
            None => Key::done(birth, holder, template, verdict, effect),
        };
        let mut fixture = Fixture::machine();
        let name = Name::hashed(Space::Key, "o", &[b"k"]);
        let (at, written) = (name.clone(), key.clone());
        change(&fixture, vec![name.clone()], move |view| {
            let mut changes = Changes::default();
            written.save(at.clone(), &view.time, &mut changes);
            Ok((changes, ()))
        });
        let read = |fixture: &Fixture, birth: u32| {
            let name = name.clone();
            change(fixture, vec![name.clone()], move |view| {
                Ok((Changes::default(), Key::load(view, &Changes::default(), &name, birth)?))
            })
        };
        prop_assert_eq!(read(&fixture, birth), Some(key.clone()));
        prop_assert_eq!(read(&fixture, birth ^ 1), None, "another life's key says nothing");
        fixture.pass(ms);
        let mut expected = key;
        let life_ms = DAY + lease_ms.unwrap_or(0);
        if let State::Running { left_ms } = &mut expected.state {
            *left_ms = (*left_ms - ms).max(0);
        }
        prop_assert_eq!(read(&fixture, birth), (ms <= life_ms).then_some(expected));
        let record = fixture.kept().records().pop().unwrap().1;
        prop_assert_eq!(is_over(&name, &record, &fixture.engine.time()), ms > life_ms);
    }

    #[test]
    fn what_an_account_has_is_read_as_written(
        token in ".{1,512}",
        life_ms in 1..i64::MAX / 4,
        list in ".{0,500}",
        ids in vec("[a-zA-Z0-9_-]{1,128}", 0..50),
        ms in 0..DAY,
    ) {
        let mut fixture = Fixture::machine();
        let (slot, secret) = (TokenSlot::new("stable", "host"), Secret::new(token));
        fixture.run(put_token(&slot, None, secret.clone(), life_ms, Concerned { secret: 1, machine: 2 }));
        fixture.run(put_list(list.clone()));
        let mut known = fixture.run(confirm(ids.clone()));
        fixture.pass(ms);
        let left_ms = life_ms - ms;
        let stored = (left_ms > 0).then_some(StoredToken { token: secret, left_ms, life_ms }).ok_or(TokenRefusal::default());
        prop_assert_eq!(fixture.ask(read_token(&slot)), stored);
        prop_assert_eq!(fixture.ask(read_templates()), (Some((list, ms)), known.clone()));
        known.sort();
        let mut ids = ids;
        ids.sort();
        ids.dedup();
        prop_assert_eq!(known, ids);
    }

    #[test]
    fn a_nonce_knows_its_body(nonce: [u8; 20], body: [u8; 20], other: [u8; 20], life_ms in 0..DAY) {
        let mut fixture = Fixture::machine();
        let first = |fixture: &Fixture, body: &[u8; 20]| fixture.run(first_use(&nonce, body, life_ms));
        prop_assert_eq!(first(&fixture, &body), Use::First);
        fixture.pass(life_ms);
        prop_assert_eq!(first(&fixture, &body), Use::Repeated);
        prop_assert_eq!(first(&fixture, &other), if other == body { Use::Repeated } else { Use::OtherBody });
        fixture.pass(1);
        prop_assert_eq!(first(&fixture, &other), Use::First);
    }

    #[test]
    fn any_bytes_are_an_error_or_a_value(kind: u8, bare: bool, body in vec(any::<u8>(), 0..200)) {
        any_record(kind, bare, &body);
    }

    /// Bytes that are nearly a record: the fields of one, with some of them changed.
    #[test]
    fn a_record_with_any_field_changed_is_an_error_or_a_value(
        kind: u8,
        player in player(),
        at: prop::sample::Index,
        byte: u8,
        numbers in vec(prop_oneof![Just(0xFFu8), Just(0x7F), Just(0), any::<u8>()], 0..20),
    ) {
        let fixture = Fixture::machine();
        put_player(&fixture, &player);
        for (name, record) in fixture.kept().records() {
            let mut body = record[5..].to_vec();
            let at = at.index(body.len());
            body[at] = byte;
            body.splice(at..(at + numbers.len()).min(record.len() - 5), numbers.iter().copied());
            any_record(if name.space() == Space::Player { 0 } else { 1 }, false, &body);
            any_record(kind, false, &body);
        }
    }
}

/// What passes, without msgids and numbers of steps.
fn passing(lease: Option<Lease>, waiting: Option<Waiting>, in_doubt: Vec<InDoubt>, marks: Vec<Mark>) -> recent::Recent {
    let mut recent = recent::Recent::default();
    (recent.lease, recent.waiting, recent.in_doubt, recent.marks) = (lease, waiting, in_doubt, marks);
    recent
}

fn without_steps(from: &recent::Recent) -> recent::Recent {
    let from = from.clone();
    let mut recent = passing(from.lease, from.waiting, from.in_doubt, from.marks);
    recent.sent = from.sent;
    recent
}

/// The seeds of the fuzz target are records as they are written today. `WXSUB_SEEDS=1` writes them anew.
#[test]
fn the_seeds_of_the_fuzz_target_are_records_of_today() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/record");
    for (kind, name, record) in seeds() {
        let path = folder.join(name);
        let seed: Vec<u8> = std::iter::once(kind).chain(record[5..].iter().copied()).collect();
        if std::env::var_os("WXSUB_SEEDS").is_some() {
            std::fs::write(&path, &seed).unwrap();
        }
        assert_eq!(
            std::fs::read(&path).unwrap(),
            seed,
            "{name}: the format has changed; does it still read the old one?"
        );
        any_record(kind, false, &seed[1..]);
    }
}

/// One record of each kind with all that it may hold, by the numbers of `any_record`.
fn seeds() -> Vec<(u8, &'static str, Vec<u8>)> {
    let mut fixture = Fixture::machine();
    fixture.accept(3);
    let act = Item { template: template_id("t"), change: Change::Grant, long_term: false, player_action: true };
    fixture.run(report(Report { items: vec![act], ..fixture.report_of("t", Change::Grant, None) }));
    let lost = fixture.held();
    fixture.settle(&lost, Outcome::InDoubt, failed(Status::Unknown));
    fixture.pass(KEPT_LEASE);
    let taken = fixture.held();
    fixture.succeed(&taken, 9);
    fixture.sent_event(10).unwrap();
    fixture.sending("k");
    let other = BeginSend { process: 2, ..fixture.wish("t") };
    assert!(matches!(fixture.begin(other), BeginResult::Busy(_)));
    let slot = TokenSlot::new("legacy", "host");
    let concerned = Concerned { secret: 1, machine: 2 };
    fixture.run(put_token(&slot, None, Secret::new("token".to_owned()), HOUR, concerned));
    fixture.run(token_refused(
        &slot,
        Secret::new("token".to_owned()),
        TokenRefusal { errcode: 42001, http_status: 200 },
    ));
    fixture.run(claim_token(&slot, TokenAsk { holder: 1, lease_ms: LEASE, need_ms: 0, concerned, own_failure: None }));
    fixture.run(fail_token(&slot, 1, Error::new(Status::Auth, "no"), FailureScope::Secret, concerned, LEASE, false));
    fixture.run(force_token()).unwrap();
    fixture.run(put_list("[]".to_owned()));
    fixture.run(confirm(vec!["id".to_owned()]));
    fixture.run(first_use(&[7; 20], &[1; 20], HOUR));
    put_campaign(&fixture);
    let player = Name::player("o");
    let names = [
        ("player", player.clone()),
        ("recent", Name::recent("o")),
        ("key", key::of_send(&player, "k")),
        ("event", key::of_event(&player, "sent 10")),
        ("message", message::name_of(&player, Some("k"), 0)),
        ("token", Name::account("token:legacy:host")),
        ("forced", Name::account("forced-refreshes")),
        ("legacy", Name::account("legacy-tokens")),
        ("templates", Name::account("templates")),
        ("ids", Name::account("template-ids")),
        ("nonce", Name::hashed(Space::Key, &"07".repeat(20), &[b"nonce", &[7; 20]])),
        ("campaign", Name::account("campaign:c")),
        ("campaign-run", Name::account("campaign-run:c")),
        ("campaigns", Name::account("campaigns")),
        ("campaign-list", Name::account("campaign-list:c:00000000")),
        ("budget", Name::account("budget:template")),
    ];
    let records = fixture.kept().records();
    let value_of = |name: &Name| records.iter().find(|(other, _)| other == name).expect("it was written").1.clone();
    names.iter().enumerate().map(|(kind, (seed, name))| (kind as u8, *seed, value_of(name))).collect()
}

fn put_campaign(fixture: &Fixture) {
    use crate::ledger::campaign::{Beat, Definition, Part, Take, add, beat, put};
    let definition = Definition {
        given: "{}".to_owned(),
        template_id: "t".to_owned(),
        is_list: true,
        start_ms: Some(fixture.wall()),
        expires_ms: Some(fixture.wall() + HOUR),
        per_1000_s: Some(5000),
        leave: 1,
        rules: true,
    };
    fixture.run(put("c".to_owned(), definition, false));
    let part = Part { players: vec![("o".to_owned(), Some("{}".to_owned())), ("o2".to_owned(), None)] };
    fixture.run(add("c".to_owned(), vec![part], Some(7)));
    let one = Beat { process: 1, engine: 1, lease_ms: LEASE, take: Some(Take::Part), ..Beat::default() };
    fixture.run(beat("c".to_owned(), one));
    let claim = BudgetClaim { template_id: "template".to_owned(), day: 5, process: 1, used: 0, limit: 9 };
    fixture.run(claim_budget(claim));
}
