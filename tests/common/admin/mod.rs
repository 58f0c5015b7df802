//! The operator's interface, on any store: [`Stores`] opens clients on one ledger, and on another one.

pub mod journal;
pub mod lists;
pub mod moves;
pub mod observer;
pub mod requests;

use serde_json::{Value, json};
use wxsub::{Answer, Client, Error, Status};

use super::TestEnv;

/// Room for a reply, as the C ABI's least capacity leaves it.
pub const ROOM: usize = 65_535;

/// Opens clients of one account on ledgers, each with its own number.
pub trait Stores {
    fn env(&self) -> &TestEnv;

    /// The configuration of a client on this ledger.
    fn config(&self, ledger: usize, more: Value) -> String;

    fn open(&self, ledger: usize, more: Value) -> Client {
        let config = wxsub::Config::from_json(&self.config(ledger, more)).expect("a valid configuration");
        Client::open(config).expect("an open client")
    }
}

/// Ledgers in files.
pub struct Files(pub TestEnv);

impl Stores for Files {
    fn env(&self) -> &TestEnv {
        &self.0
    }

    fn config(&self, ledger: usize, more: Value) -> String {
        let mut config = json!({"store": self.0.folder.path().join(format!("{ledger}.db")), "templates": "off"});
        more.as_object().expect("an object").iter().for_each(|(key, value)| config[key] = value.clone());
        self.0.config(config)
    }
}

pub fn try_ask(client: &Client, request: &Value) -> Result<Value, Error> {
    let reply = client.admin(&request.to_string(), ROOM)?;
    assert!(reply.len() <= ROOM, "{} bytes for {request}", reply.len());
    assert!(!reply.contains('\0'));
    Ok(serde_json::from_str(&reply).expect("a reply is JSON"))
}

#[track_caller]
pub fn ask(client: &Client, request: Value) -> Value {
    try_ask(client, &request).unwrap_or_else(|e| panic!("{request}: {e}"))
}

#[track_caller]
pub fn refused(client: &Client, request: &str, says: &str) {
    match client.admin(request, ROOM) {
        Ok(reply) => panic!("{request} is answered: {reply}"),
        Err(e) => {
            assert_eq!(e.status, Status::Arg, "{request}: {e}");
            assert!(e.message.contains(says), "{request}: {:?} is not in {:?}", says, e.message);
            assert!(!e.message.chars().any(char::is_control), "{:?}", e.message);
        }
    }
}

/// All rows of a list, page by page, and how many pages there were.
pub fn all_pages(client: &Client, request: &Value, list: &str) -> (Vec<Value>, usize) {
    let (mut request, mut rows, mut pages) = (request.clone(), Vec::new(), 0);
    loop {
        let reply = ask(client, request.clone());
        pages += 1;
        assert!(pages < 100_000, "no end");
        rows.extend(reply[list].as_array().expect("a list").iter().cloned());
        match &reply["next"] {
            Value::Null => return (rows, pages),
            next => request["after"] = next.clone(),
        }
    }
}

#[track_caller]
pub fn accept(client: &Client, openid: &str, template_id: &str, times: usize) {
    for _ in 0..times {
        let verdict = client.report(openid, Some(template_id), Answer::Accept, None);
        assert_eq!(verdict.status, Status::Ok, "{}", verdict.message);
    }
}

/// Runs each of these tests on the ledgers that `stores()` makes.
#[macro_export]
macro_rules! admin_tests {
    ($stores:expr) => {
        $crate::admin_tests! { $stores;
            lists: players_come_in_pages_of_any_size;
            lists: a_page_ends_early_where_it_would_not_fit;
            lists: a_list_goes_on_while_players_come_and_go;
            lists: waiting_messages_are_listed;
            lists: a_cursor_belongs_to_one_ledger_and_one_request;
            moves: a_ledger_moves_to_another_and_on;
            moves: counts_come_in_by_three_ways;
            moves: an_import_with_a_key_counts_once;
            moves: a_wrong_row_keeps_no_other_from_being_taken;
            moves: a_wrong_record_changes_nothing;
            moves: a_ledger_in_use_keeps_what_it_has;
            observer: an_observer_looks_on_and_sends_nothing;
            observer: an_observer_claims_no_message_and_ends_at_once;
            observer: an_observer_keeps_no_history_where_none_is_wanted;
            journal: what_happened_is_told_and_counted;
            journal: wrong_questions_about_the_past_are_refused;
            journal: an_opening_counts_once;
            journal: a_muted_player_is_told;
            journal: nothing_shows_who_was_forgotten;
            journal: who_takes_back_the_authorisation_is_forgotten;
            journal: what_an_event_settles_is_no_more_unknown;
            journal: without_history_nothing_is_kept_of_it;
            journal: compacting_changes_nothing_that_is_shown;
            requests: a_player_is_told_whole;
            requests: statistics_and_the_token_are_told;
            requests: metrics_are_as_prometheus_wants_them;
            requests: what_is_not_understood_is_refused;
        }
    };
    ($stores:expr; $($module:ident: $name:ident;)*) => {
        $(
            #[test]
            fn $name() {
                $crate::common::admin::$module::$name(&$stores);
            }
        )*
    };
}
