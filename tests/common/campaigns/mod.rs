//! Campaigns and rules, on any store: [`Stores`] opens clients on one ledger.

pub mod deaths;
pub mod judge;
pub mod rules;
pub mod runs;
pub mod trouble;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wxsub::Client;

pub use super::admin::{Stores, ask, try_ask};
use super::{TEMPLATE, TestEnv};

/// A message without its player.
pub fn message() -> Value {
    json!({"template_id": TEMPLATE, "data": {"thing1": "新赛季开始", "time2": "2026年11月24日 15:01"}})
}

/// The request that puts a campaign for all who allow it.
pub fn to_all(id: &str, more: Value) -> Value {
    let mut request = json!({"do": "campaign.put", "id": id, "message": message(), "audience": "allowed"});
    more.as_object().expect("an object").iter().for_each(|(key, value)| request[key] = value.clone());
    request
}

pub fn status(client: &Client, id: &str) -> Value {
    ask(client, json!({"do": "campaign.status", "id": id}))
}

/// Waits until the campaign stands so.
#[track_caller]
pub fn wait_for(client: &Client, id: &str, state: &str) -> Value {
    wait_for_at_most(client, id, state, Duration::from_secs(120))
}

#[track_caller]
pub fn wait_for_at_most(client: &Client, id: &str, state: &str, time: Duration) -> Value {
    let until = Instant::now() + time;
    loop {
        let standing = status(client, id);
        if standing["state"] == state {
            return standing;
        }
        assert!(Instant::now() < until, "{id} is not {state}: {standing}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All pages of a forecast: the last reply.
pub fn forecast(client: &Client, request: &Value) -> Value {
    let mut request = request.clone();
    request["do"] = json!("campaign.forecast");
    loop {
        let reply = ask(client, request.clone());
        match &reply["next"] {
            Value::Null => return reply,
            next => request["after"] = next.clone(),
        }
    }
}

/// How often each player got a message.
pub fn delivered(env: &TestEnv) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for delivery in env.wechat.deliveries() {
        *times.entry(delivery.openid.clone()).or_default() += 1;
    }
    times
}

/// Several threads' worth of accepts, so that they share their commits.
pub fn accept_all(client: &Client, players: &[(String, u32)]) {
    std::thread::scope(|scope| {
        for thread in 0..16 {
            scope.spawn(move || {
                for (openid, times) in players.iter().skip(thread).step_by(16) {
                    super::admin::accept(client, openid, TEMPLATE, *times as usize);
                }
            });
        }
    });
}

/// Runs each of these tests on the ledgers that `stores()` makes.
#[macro_export]
macro_rules! campaign_tests {
    ($stores:expr) => {
        $crate::campaign_tests! { $stores;
            runs: all_who_allow_it_get_it_once;
            runs: a_list_is_worked_through;
            runs: a_list_names_nobody_who_was_forgotten;
            runs: no_place_names_anybody_who_was_forgotten;
            runs: a_list_that_was_left_is_dropped;
            runs: what_is_put_is_checked;
            runs: a_campaign_stops_and_goes_on;
            runs: its_pace_is_kept_by_all_processes;
            runs: who_becomes_unreachable_is_passed_over;
            runs: a_player_does_not_wait_for_his_turn;
            runs: campaigns_are_listed_in_pages;
            rules: caps_bind_what_they_shall;
            rules: quiet_hours_are_waited_for;
            rules: a_budget_is_never_exceeded;
            rules: who_had_it_is_told_so_when_the_budget_is_used_up;
            rules: who_is_passed_over_is_told;
            rules: a_pause_tells_nobody_twice;
            rules: a_forecast_is_what_happens;
            trouble: a_ban_stops_it;
            trouble: the_daily_limit_stops_it_for_today;
            trouble: a_refused_secret_stops_it;
            trouble: failures_in_a_row_stop_it;
            trouble: a_lost_answer_counts_as_had;
        }
    };
    ($stores:expr; $($module:ident: $name:ident;)*) => {
        $(
            #[test]
            fn $name() {
                $crate::common::campaigns::$module::$name(&$stores);
            }
        )*
    };
}
