//! What a player's record says of campaigns: each reaches a player once, and what became of his turn is told once.

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

/// A campaign in which the player had his turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Had {
    /// Names the campaign.
    pub campaign: u64,
    /// What he had. None: nothing, and that was told.
    pub standing: Option<Standing>,
    /// How long this is remembered: the campaign is over then.
    pub left_ms: i64,
}

impl Recent {
    /// What the player had of this campaign.
    pub fn had(&self, campaign: u64) -> Option<Standing> {
        self.had.iter().find(|had| had.campaign == campaign).and_then(|had| had.standing)
    }

    /// A send of this campaign begins, or WeChat took it.
    pub fn note_had(&mut self, campaign: u64, standing: Standing, left_ms: i64) {
        self.had.retain(|had| had.campaign != campaign);
        self.put_had(Had { campaign, standing: Some(standing), left_ms });
    }

    /// His turn in this campaign ended without a send. False: that was told before, since a slice that is left is worked
    /// through again.
    pub fn note_unsent(&mut self, campaign: u64, left_ms: i64) -> bool {
        if self.is_told_unsent(campaign) {
            return false;
        }
        if self.had(campaign).is_none() {
            self.put_had(Had { campaign, standing: None, left_ms });
        }
        true
    }

    /// Whether it was told that the player's turn in this campaign ended without a send.
    pub fn is_told_unsent(&self, campaign: u64) -> bool {
        self.had.iter().any(|had| had.campaign == campaign && had.standing.is_none())
    }

    /// Makes room for it, never by its own place: the campaign that runs now is the one that counts.
    fn put_had(&mut self, had: Had) {
        while self.had.len() >= MAX_HAD {
            let worth = |had: &Had| (had.standing.is_some(), had.left_ms);
            let least = self.had.iter().enumerate().min_by_key(|(_, had)| worth(had)).map_or(0, |(at, _)| at);
            self.had.remove(least);
        }
        self.had.push(had);
    }

    /// The player surely did not get it.
    pub fn forget_had(&mut self, campaign: u64) {
        self.had.retain(|had| had.campaign != campaign);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_makes_room_for_the_campaign_that_runs() {
        let mut recent = Recent::default();
        (0..MAX_HAD as u64).for_each(|campaign| recent.note_had(campaign, Standing::Sent, 1_000_000 + campaign as i64));
        recent.note_had(100, Standing::Begun, 10);
        assert_eq!(
            (recent.had(100), recent.had(0), recent.had(1)),
            (Some(Standing::Begun), None, Some(Standing::Sent))
        );
        assert!(recent.note_unsent(200, 10), "a turn that ended without a send");
        assert_eq!((recent.is_told_unsent(200), recent.had(100)), (true, None));
        recent.note_had(100, Standing::Begun, 10);
        assert_eq!((recent.is_told_unsent(200), recent.had(1)), (false, Some(Standing::Sent)), "that goes first");
    }
}
