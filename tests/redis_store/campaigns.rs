//! Campaigns and rules on Redis. What is done, and what must come of it, is in `common/campaigns/`.

use wxsub_simulator::Options;

use crate::admin::Prefixes;
use crate::common::TestEnv;
use crate::common::campaigns::deaths::{self, Size};
use crate::common::campaigns::judge::Judge;
use crate::env::RedisEnv;

fn stores() -> Prefixes {
    Prefixes::on(RedisEnv::on(TestEnv::with(Options { initial_grants: 10, keep: 1 << 16, ..Options::default() })))
}

crate::campaign_tests! { stores() }

#[test]
fn child() {
    deaths::play_child();
}

/// `WXSUB_CAMPAIGN_PLAYERS`: how many; 20 000 by default.
#[test]
fn each_player_gets_it_once_whoever_is_killed() {
    let size = Size::of_test();
    let judge = Judge::of(size.players);
    let stores = Prefixes::on(RedisEnv::on(TestEnv::with(judge.options())));
    deaths::each_player_gets_it_once(&stores, module_path!(), &size, &judge);
}
