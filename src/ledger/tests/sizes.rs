//! What records take: ten million players must fit. `cargo test --lib ledger::tests::sizes -- --nocapture` prints it.

use super::*;

/// As in a real account: three templates that its list confirmed, openids and template ids of the usual length.
const OPENID: &str = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M";
const TEMPLATES: [&str; 3] = [
    "AxY1v2JhY3BvY3F1ZW9sZW9sc2VvbGVvbHNlb2xl0001",
    "AxY1v2JhY3BvY3F1ZW9sZW9sc2VvbGVvbHNlb2xl0002",
    "AxY1v2JhY3BvY3F1ZW9sZW9sc2VvbGVvbHNlb2xl0003",
];
/// Today, by a machine that has been up for a month.
const NOW: Time = Time { wall_ms: 1_790_000_000_000, boot_ms: 2_592_000_000, boot: 0x9E37_79B9 };

fn fixture(time: Time) -> Fixture {
    let fixture = Fixture::machine();
    fixture.kept().set_time(time);
    fixture
}

fn accept(fixture: &Fixture, templates: &[&str], key: Option<&str>, player_action: bool) {
    let item = |id: &&str| Item {
        template: TemplateId::new(*id, true),
        change: Change::Grant,
        long_term: false,
        player_action,
    };
    let items = templates.iter().map(item).collect();
    let openid = OPENID.to_owned();
    fixture.run(report(Report { openid, items, key: key.map(str::to_owned), max_count: 0, number: 0x1234_5678_9ABC }));
}

fn keyed(fixture: &Fixture) -> Hold {
    let send = BeginSend {
        openid: OPENID.to_owned(),
        template: TemplateId::new(TEMPLATES[0], true),
        key: Some("daily-2026-11-29".to_owned()),
        holder: 0x1234_5678_9ABC_DEF0,
        ..Fixture::machine().wish("t")
    };
    held(fixture.begin(send))
}

fn size(fixture: &Fixture, space: Space) -> usize {
    fixture.kept().records().iter().filter(|(name, _)| name.space() == space).map(|(_, value)| value.len()).sum()
}

#[track_caller]
fn holds(what: &str, bytes: usize, at_most: usize) {
    println!("{bytes:4} bytes (at most {at_most}): {what}");
    assert!(bytes <= at_most, "{what}: {bytes} bytes");
}

/// Ten million in 1.2 GB are 120 bytes each; with an id of 21, six of a row, and pages that are filled to 0.69.
#[test]
fn an_idle_player() {
    for (name, time) in [("by a machine", NOW), ("by a server", Time::of_server(NOW.wall_ms))] {
        let fixture = fixture(time);
        accept(&fixture, &TEMPLATES, None, false);
        holds(&format!("a player with three templates, asked for at once, {name}"), size(&fixture, Space::Player), 52);
        assert_eq!(size(&fixture, Space::Recent), 0, "an idle player has nothing that passes");
    }
    let fixture = fixture(NOW);
    for (n, template) in TEMPLATES.iter().enumerate() {
        fixture.kept().set_time(Time { wall_ms: NOW.wall_ms + n as i64 * 30 * DAY, ..NOW });
        (0..3).for_each(|_| accept(&fixture, &[template], None, false));
    }
    holds("the same, asked for in different months", size(&fixture, Space::Player), 57);
    let fixture = self::fixture(NOW);
    accept(&fixture, &TEMPLATES, None, false);
    (0..3).for_each(|n| {
        let send = BeginSend {
            openid: OPENID.to_owned(),
            template: TemplateId::new(TEMPLATES[n], true),
            ..Fixture::machine().wish("t")
        };
        let hold = held(fixture.begin(send));
        fixture.succeed(&hold, 0);
    });
    holds("the same, with all of it spent", size(&fixture, Space::Player), 45);
}

/// 40 with what a row adds; SQLite keeps it in the player's own row, which adds one byte.
#[test]
fn what_a_report_leaves_for_two_hours() {
    let fixture = fixture(NOW);
    accept(&fixture, &TEMPLATES[..1], None, true);
    let one = size(&fixture, Space::Recent);
    holds("the mark of one report", one, 31);
    accept(&fixture, &TEMPLATES[1..], None, true);
    holds("each further mark", (size(&fixture, Space::Recent) - one) / 2, 5);
}

/// 120 with 20 bytes of name and a row of 10.
#[test]
fn what_a_keyed_send_leaves_for_a_day() {
    let fixture = fixture(NOW);
    accept(&fixture, &TEMPLATES, None, false);
    let hold = keyed(&fixture);
    holds("a keyed send that runs: its key", size(&fixture, Space::Key), 46);
    holds("a keyed send that runs: its lease", size(&fixture, Space::Recent), 55);
    let verdict = Verdict { http_status: 200, attempts: 1, elapsed_ms: 87, ..sent(3_456_789_012_345_678_901) };
    fixture.end(&hold, Outcome::Spent, verdict);
    holds("a keyed send that was taken: its key", size(&fixture, Space::Key), 57);
    holds("a send that was taken: its msgid, its time and template", size(&fixture, Space::Recent), 34);
    let fixture = self::fixture(NOW);
    accept(&fixture, &TEMPLATES[..1], Some("level-17"), false);
    holds("a keyed report: its key", size(&fixture, Space::Key), 50);
}

/// Whatever a player does.
#[test]
fn the_most_that_a_player_takes() {
    let mut fixture = fixture(NOW);
    let long = |n: usize| format!("{n:0>128}");
    for n in 0..64 {
        for _ in 0..5 {
            let item = Item {
                template: TemplateId::new(long(n), false),
                change: Change::Grant,
                long_term: false,
                player_action: true,
            };
            fixture.run(report(Report { items: vec![item], ..fixture.report_of("t", Change::Grant, None) }));
        }
    }
    for _ in 0..40 {
        let send = BeginSend { enforce: false, ..fixture.wish(&long(1)) };
        let hold = held(fixture.begin(send));
        fixture.settle(&hold, Outcome::InDoubt, failed(Status::Unknown));
        let later = fixture.engine.time();
        fixture.kept().set_time(Time { boot_ms: later.boot_ms + KEPT_LEASE, ..later });
    }
    let one_too_many = fixture.report_of("another", Change::Grant, None);
    let why = fixture.engine.run(report(one_too_many), soon()).unwrap_err();
    assert_eq!(why.status, Status::Arg);
    holds("64 templates with ids of 128 bytes", size(&fixture, Space::Player), 64 * 140);
    holds("256 marks and 32 sends in doubt", size(&fixture, Space::Recent), 256 * 7 + 32 * 32);
}
