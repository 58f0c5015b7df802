//! Any bytes as any record: what reads it must end with an error or a value, whatever they say.

use super::codec::Encoder;
use super::player::PlayerNames;
use super::*;
use crate::clock::Deadline;
use crate::error::{Error, Status, Verdict};
use crate::secret::Secret;
use crate::store::{Engine, MemoryEngine, Operation};

const OPENID: &str = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M";
const KEY: &str = "key";
const NONCE: [u8; 20] = [7; 20];

/// A ledger with one record that nobody wrote.
struct Ledger {
    engine: MemoryEngine,
    template: TemplateId,
}

impl Ledger {
    /// Takes a step; an error is an answer, too, as long as it is one of the store's or about the player's own bounds.
    fn run<A: Send + 'static>(&self, operation: Operation<A>) -> Option<A> {
        let engine: &dyn Engine = &self.engine;
        let taken: Result<A, Error> = engine.run(operation, Deadline::in_ms(1000));
        if let Err(e) = &taken {
            assert!(matches!(e.status, Status::Store | Status::Arg), "{e}");
        }
        taken.ok()
    }

    fn send(&self, holder: i64, message: Option<(Name, Box<Message>)>) -> BeginSend {
        BeginSend {
            openid: OPENID.to_owned(),
            template: self.template.clone(),
            enforce: false,
            long_term: false,
            key: Some(KEY.to_owned()),
            holder,
            process: 1,
            lease_ms: 1000,
            message,
            bound: Bound::default(),
        }
    }

    fn answer(&self) {
        let item = |change| Item { template: self.template.clone(), change, long_term: false, player_action: true };
        let items = [Change::Grant, Change::SetOn, Change::Clear].map(item).to_vec();
        let key = Some(KEY.to_owned());
        let parts = vec![("event".to_owned(), EventPart::Answer(item(Change::Clear)))];
        self.run(report(Report { openid: OPENID.to_owned(), items, key, max_count: 3, number: 5 }));
        self.run(handle_event(self.event(parts)));
        self.run(remaining(OPENID.to_owned(), self.template.clone()));
    }

    fn event(&self, parts: Vec<(String, EventPart)>) -> Event {
        Event {
            openid: OPENID.to_owned(),
            created_ms: self.engine.time().wall_ms,
            parts,
            trusted: true,
            max_count: 0,
            number: 6,
        }
    }

    fn send_and_settle(&self, message: Option<(Name, Box<Message>)>) {
        let verdict = Box::new(Verdict { msgid: 9, ..Verdict::ok(SENT) });
        let told = EventPart::Sent { template: self.template.clone(), verdict, outcome: Outcome::Spent };
        self.run(handle_event(self.event(vec![("told".to_owned(), told)])));
        for outcome in [Outcome::Spent, Outcome::InDoubt, Outcome::Cleared] {
            if let Some(BeginResult::Held(hold)) = self.run(begin(self.send(outcome as i64 + 1, message.clone()))) {
                let verdict = Verdict { msgid: 8, ..Verdict::ok(SENT) };
                self.run(settle(Settlement { hold, outcome, verdict, spread: u64::MAX }));
            }
        }
    }

    fn handle_message(&self, name: &Name) {
        self.run(look_up(OPENID.to_owned(), KEY.to_owned()));
        if let Some(Some(seen)) = self.run(peek(name.clone())) {
            let failed = Verdict::from(Error::new(Status::Busy, "busy"));
            self.run(finish(name.clone(), seen.clone(), failed, 7));
            self.run(recover(name.clone(), &seen));
            self.send_and_settle(Some((name.clone(), Box::new(seen))));
        }
        self.run(cancel(OPENID.to_owned(), KEY.to_owned(), cancelled().into()));
        self.run(set_aside(name.clone()));
    }

    fn handle_account(&self, slot: &TokenSlot) {
        let concerned = Concerned { secret: 1, machine: 2 };
        let ask = TokenAsk { holder: 3, lease_ms: 1000, need_ms: 1000, concerned, own_failure: None };
        if let Some(Ok(stored)) = self.run(read_token(slot)) {
            self.run(token_accepted(slot, stored.token.clone()));
            self.run(token_refused(slot, stored.token, TokenRefusal { errcode: 1, http_status: 2 }));
        }
        self.run(claim_token(slot, ask));
        let why = Error::new(Status::Auth, "refused");
        self.run(fail_token(slot, 3, why, FailureScope::Secret, concerned, 1000, false));
        self.run(put_token(slot, Some(3), Secret::new("token".to_owned()), 7200, concerned));
        self.run(force_token());
        self.run(read_templates());
        self.run(confirm(vec!["id".to_owned()]));
    }

    fn handle_campaign(&self) {
        use super::campaign::{Beat, Definition, Part, Take, Wish, add, ids, look, put, read_part, wish};
        let id = || "c".to_owned();
        let definition = Definition { given: "{}".to_owned(), start_ms: Some(0), ..Definition::default() };
        // With the record of the run alone there is no campaign.
        if self.run(look(id())).is_some_and(|campaign| campaign.is_none()) {
            self.run(put(id(), definition.clone(), false));
        }
        self.run(ids());
        self.run(read_part("c", 0));
        for take in [Take::Left, Take::Part, Take::Players { from: None, to: Some([1].into()), at_end: true }] {
            let beat =
                |slices| Beat { process: 1, engine: 1, slices, take: Some(take.clone()), pace: 1, ..Beat::default() };
            if let Some(Some((beaten, _, _))) = self.run(super::campaign::beat(id(), beat(Vec::new()))) {
                let done = beaten.taken.iter().map(|slice| (slice.number, slice.tally.clone(), true)).collect();
                self.run(super::campaign::beat(id(), beat(done)));
            }
        }
        let part = Part { players: vec![(OPENID.to_owned(), None)] };
        self.run(add(id(), vec![part], Some(7)));
        for wish_for in
            [Wish::Start, Wish::Pause { why: "w".to_owned(), until_ms: Some(5) }, Wish::Resume, Wish::Cancel]
        {
            self.run(wish(id(), wish_for));
        }
        self.run(put(id(), definition, false));
        let claim = BudgetClaim { template_id: "template".to_owned(), day: 5, process: 1, used: 0, limit: 9 };
        self.run(claim_budget(claim.clone()));
        self.run(budget_left("template", 5, 9));
        self.run(release_budget(claim));
    }
}

/// Leaves `body` as the record that `kind` chooses, in the form that the ledger writes, or with `bare` just so; then does
/// everything that reads it, at several times.
///
/// # Panics
/// When the ledger does, or answers with another error than of the store: that is what is looked for.
pub fn any_record(kind: u8, bare: bool, body: &[u8]) {
    let player = PlayerNames::new(OPENID);
    let slot = TokenSlot::new("legacy", "host");
    let message = message::name_of(&player.lasting, Some(KEY), 0);
    let names = [
        player.lasting.clone(),
        player.recent.clone(),
        key::of_send(&player.lasting, KEY),
        key::of_event(&player.lasting, "told"),
        message.clone(),
        Name::account("token:legacy:host"),
        Name::account("forced-refreshes"),
        Name::account("legacy-tokens"),
        Name::account("templates"),
        Name::account("template-ids"),
        Name::hashed(Space::Key, &"07".repeat(20), &[b"nonce", &NONCE]),
        Name::account("campaign:c"),
        Name::account("campaign-run:c"),
        Name::account("campaigns"),
        Name::account("campaign-list:c:00000000"),
        Name::account("budget:template"),
    ];
    let name = &names[usize::from(kind) % names.len()];
    let mut to = Encoder::default();
    to.raw(body);
    let record = if bare { body.to_vec() } else { to.finish(name) };
    let start = Time { wall_ms: 1_700_000_000_000, boot_ms: 1_000_000, boot: 1 };
    for time in [start, Time { boot: 2, ..start }, Time::of_server(1_700_000_000_000), Time::of_server(0)] {
        let ledger = Ledger { engine: MemoryEngine::default(), template: TemplateId::new("template", true) };
        ledger.engine.set_time(time);
        ledger.engine.replace(name, Some(record.clone()));
        is_over(name, &record, &time);
        ledger.answer();
        ledger.send_and_settle(None);
        ledger.engine.replace(name, Some(record.clone()));
        ledger.handle_message(&message);
        ledger.handle_account(&slot);
        ledger.handle_campaign();
        ledger.run(first_use(&NONCE, &[1; 20], 1000));
    }
}
