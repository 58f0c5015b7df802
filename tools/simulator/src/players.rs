use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// What a player says to a template or system type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Yes: one more message, or a system type for good.
    Accept,
    /// No.
    Reject,
}

/// What WeChat knows about one player, and what we saw of the calls to them.
#[derive(Clone, Debug, Serialize)]
pub struct PlayerView {
    /// Whose view it is.
    pub openid: String,
    /// False once the player turned the main switch off.
    pub main_switch: bool,
    /// Of another appid: sends are answered 40003.
    pub foreign: bool,
    /// Choices that the player keeps, `accept` or `reject`, by template id or system type: what wx.getSetting shows.
    pub settings: BTreeMap<String, Choice>,
    /// Remaining messages per template, as far as anything ever changed them.
    pub remaining: BTreeMap<String, u64>,
    /// Sends received that named this player and had a good token.
    pub sends: u64,
    /// Sends in progress right now.
    pub in_progress: u32,
    /// The most sends that were ever in progress at once, the ones answered 43108 included.
    pub max_concurrent: u32,
    /// How often 43108 was answered.
    pub overlaps: u64,
    /// Messages delivered.
    pub delivered: u64,
}

pub(crate) struct Player {
    pub main_switch: bool,
    pub foreign: bool,
    settings: BTreeMap<String, Choice>,
    grants: HashMap<String, u64>,
    /// What a template has that nothing changed yet.
    unseen: u64,
    pub sends: u64,
    pub in_progress: u32,
    pub max_concurrent: u32,
    pub overlaps: u64,
    pub delivered: u64,
    /// A send that WeChat is working on.
    busy: bool,
}

/// The players that were ever mentioned; the others are as a new one.
pub(crate) struct Players {
    map: HashMap<String, Player>,
    initial: u64,
}

impl Players {
    pub(crate) fn new(initial: u64) -> Self {
        Self { map: HashMap::new(), initial }
    }

    pub(crate) fn get(&mut self, openid: &str) -> &mut Player {
        if !self.map.contains_key(openid) {
            self.map.insert(
                openid.to_owned(),
                Player {
                    main_switch: true,
                    foreign: false,
                    settings: BTreeMap::new(),
                    grants: HashMap::new(),
                    unseen: self.initial,
                    sends: 0,
                    in_progress: 0,
                    max_concurrent: 0,
                    overlaps: 0,
                    delivered: 0,
                    busy: false,
                },
            );
        }
        self.map.get_mut(openid).expect("just inserted")
    }

    pub(crate) fn remaining(&self, openid: &str, template: &str) -> u64 {
        match self.map.get(openid) {
            Some(p) if !p.main_switch => 0,
            Some(p) => p.grants.get(template).copied().unwrap_or(p.unseen),
            None => self.initial,
        }
    }

    pub(crate) fn set(&mut self, openid: &str, template: &str, n: u64) {
        self.get(openid).grants.insert(template.to_owned(), n);
    }

    /// Accepts add up (section 1); with the main switch off the client shows no dialog, so nothing is added.
    pub(crate) fn grant(&mut self, openid: &str, template: &str, n: u64) -> u64 {
        if !self.get(openid).main_switch {
            return 0;
        }
        let total = self.remaining(openid, template).saturating_add(n);
        self.set(openid, template, total);
        total
    }

    /// Uses one grant up; false when there is none.
    pub(crate) fn spend(&mut self, openid: &str, template: &str) -> bool {
        match self.remaining(openid, template) {
            0 => false,
            n => {
                self.set(openid, template, n - 1);
                true
            }
        }
    }

    /// Turned off, everything that was accumulated is gone for good (section 1).
    pub(crate) fn main_switch(&mut self, openid: &str, on: bool) {
        let player = self.get(openid);
        player.main_switch = on;
        if !on {
            player.grants.values_mut().for_each(|n| *n = 0);
            player.unseen = 0;
        }
    }

    /// The player answers wx.requestSubscribeMessage or wx.requestSubscribeSystemMessage. A system type is not counted, and
    /// once accepted it is so for good.
    pub(crate) fn answer(&mut self, openid: &str, id: &str, choice: Choice, keep: bool) {
        let is_system = is_system_type(id);
        match choice {
            Choice::Accept if !is_system => drop(self.grant(openid, id, 1)),
            Choice::Reject => self.set(openid, id, 0),
            Choice::Accept => {}
        }
        if keep || (is_system && choice == Choice::Accept) {
            self.get(openid).settings.insert(id.to_owned(), choice);
        }
    }

    /// The settings page: turned to reject, what was accumulated is gone (section 1); accept there grants nothing.
    pub(crate) fn keep(&mut self, openid: &str, id: &str, choice: Option<Choice>) {
        match choice {
            Some(choice) => drop(self.get(openid).settings.insert(id.to_owned(), choice)),
            None => drop(self.get(openid).settings.remove(id)),
        }
        if choice == Some(Choice::Reject) {
            self.set(openid, id, 0);
        }
    }

    /// A send to this player arrives; false when another one is being worked on.
    pub(crate) fn enter(&mut self, openid: &str) -> bool {
        let player = self.get(openid);
        player.sends += 1;
        player.in_progress += 1;
        player.max_concurrent = player.max_concurrent.max(player.in_progress);
        if player.busy {
            player.overlaps += 1;
            return false;
        }
        player.busy = true;
        true
    }

    /// A send is answered; `worked_on` is what [`Players::enter`] said.
    pub(crate) fn leave(&mut self, openid: &str, worked_on: bool) {
        if let Some(player) = self.map.get_mut(openid) {
            player.in_progress = player.in_progress.saturating_sub(1);
            player.busy &= !worked_on;
        }
    }

    pub(crate) fn view(&mut self, openid: &str) -> PlayerView {
        let p = self.get(openid);
        PlayerView {
            openid: openid.to_owned(),
            main_switch: p.main_switch,
            foreign: p.foreign,
            settings: p.settings.clone(),
            remaining: p.grants.iter().map(|(k, v)| (k.clone(), *v)).collect(),
            sends: p.sends,
            in_progress: p.in_progress,
            max_concurrent: p.max_concurrent,
            overlaps: p.overlaps,
            delivered: p.delivered,
        }
    }

    pub(crate) fn all(&mut self) -> Vec<PlayerView> {
        let mut names: Vec<String> = self.map.keys().cloned().collect();
        names.sort_unstable();
        names.iter().map(|name| self.view(name)).collect()
    }
}

fn is_system_type(id: &str) -> bool {
    id.starts_with("SYS_MSG_TYPE_")
}
