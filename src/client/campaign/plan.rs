//! What a process needs of a campaign to give a player his turn.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value};

use crate::error::{Error, Status};
use crate::ledger::CampaignSend;
use crate::ledger::campaign::{self, Campaign, REMEMBER_MS};
use crate::wechat::Message;

/// A campaign that is being worked on.
pub struct Plan {
    /// Its id.
    pub id: String,
    /// The number by which players' records name it.
    pub number: u64,
    /// The template.
    pub template_id: String,
    /// The count that is left to each player at least.
    pub leave: u64,
    /// Whether the host's rules bind it.
    pub rules: bool,
    /// When it ends at the latest, Unix milliseconds.
    pub expires_ms: i64,
    message: Message,
    stopped: AtomicBool,
}

impl Plan {
    /// # Errors
    /// [`Status::Internal`] when its record holds no message, which was checked before it was written.
    pub fn new(campaign: &Campaign) -> Result<Plan, Error> {
        let given: Map<String, Value> = serde_json::from_str(&campaign.definition.given)
            .map_err(|e| Error::new(Status::Internal, format!("the campaign's record holds no request: {e}")))?;
        let definition = &campaign.definition;
        Ok(Plan {
            id: campaign.id.clone(),
            number: campaign::number_of(&campaign.id),
            template_id: definition.template_id.clone(),
            leave: definition.leave,
            rules: definition.rules,
            expires_ms: campaign.run.expires_ms.unwrap_or(i64::MAX),
            message: Message::to_many(given.get("message").cloned().unwrap_or_default())?,
            stopped: AtomicBool::new(false),
        })
    }

    /// What the ledger must know of a send of it, as of this time.
    pub fn send(&self, wall_ms: i64) -> CampaignSend {
        let remember_ms = self.expires_ms.saturating_sub(wall_ms).saturating_add(REMEMBER_MS);
        CampaignSend { id: self.id.clone(), number: self.number, leave: self.leave, remember_ms }
    }

    /// The message to this player; `data`: his own, as JSON.
    ///
    /// # Errors
    /// [`Status::Message`] for data that are no object.
    pub fn message_to(&self, openid: &str, data: Option<&str>) -> Result<Message, Error> {
        let parse = |data: &str| {
            serde_json::from_str::<Value>(data)
                .map_err(|e| Error::new(Status::Message, format!("the player's data are not JSON: {e}")))
        };
        Ok(self.message.to_player(openid, data.map(parse).transpose()?))
    }

    /// No turn is begun any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}
