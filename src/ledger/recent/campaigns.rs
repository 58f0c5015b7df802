//! Campaigns whose message a player had, or may have had: each reaches a player once.

use super::Recent;

/// Campaigns that are remembered of one player, at most; more cannot run at once.
const MAX_HAD: usize = 64;

/// What a player had of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A send was begun, and nobody has said yet what became of it: maybe sent.
    Begun,
    /// WeChat took the message.
    Sent,
}

/// A campaign whose message the player had, or may have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Had {
    /// Names the campaign.
    pub campaign: u64,
    /// How far it came.
    pub standing: Standing,
    /// How long this is remembered: the campaign is over then.
    pub left_ms: i64,
}

impl Recent {
    /// What the player had of this campaign.
    pub fn had(&self, campaign: u64) -> Option<Standing> {
        self.had.iter().find(|had| had.campaign == campaign).map(|had| had.standing)
    }

    /// A send of this campaign begins, or WeChat took it.
    pub fn note_had(&mut self, campaign: u64, standing: Standing, left_ms: i64) {
        self.had.retain(|had| had.campaign != campaign);
        self.had.push(Had { campaign, standing, left_ms });
        while self.had.len() > MAX_HAD {
            let soonest = self.had.iter().enumerate().min_by_key(|(_, had)| had.left_ms).map_or(0, |(at, _)| at);
            self.had.remove(soonest);
        }
    }

    /// The player surely did not get it.
    pub fn forget_had(&mut self, campaign: u64) {
        self.had.retain(|had| had.campaign != campaign);
    }
}
