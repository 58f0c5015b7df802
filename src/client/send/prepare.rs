//! From a message's text to what is sent: in WeChat's form, with the configured fields, checked against its template.

use super::Sender;
use crate::client::templates::Found;
use crate::clock::Deadline;
use crate::config::Validate;
use crate::error::{Error, Status};
use crate::ledger::TemplateId;
use crate::log::log_line;
use crate::wechat::template::{Fault, Kind, Mode, check, faults_message};
use crate::wechat::{Message, is_system};

/// What `wxsub_result.message` can show.
const FAULTS_BYTES: usize = 247;

/// A message that can be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The player.
    pub openid: String,
    /// The template.
    pub template: TemplateId,
    /// The template is on or off instead of counted.
    pub long_term: bool,
    /// Its template was known, so that its values were checked.
    pub checked: bool,
    /// The request's body.
    pub body: Vec<u8>,
}

impl Sender {
    /// Brings a message into the form that is sent, and checks it.
    ///
    /// # Errors
    /// [`Status::Message`] with every fault, [`Status::Arg`] for a system type.
    pub fn prepare(&self, mut message: Message, deadline: Deadline) -> Result<Prepared, Error> {
        if is_system(&message.template_id) {
            return Err(Error::new(
                Status::Arg,
                format!("{} is a system type: the platform sends it by itself, a server cannot", message.template_id),
            ));
        }
        let config = &self.core.config;
        for (field, value) in [("miniprogram_state", &config.miniprogram_state), ("lang", &config.lang)] {
            if let Some(value) = value {
                message.default_field(field, value);
            }
        }
        let kind = self.validate(&mut message, deadline)?;
        Ok(Prepared {
            template: self.templates.id_of(&message.template_id, deadline),
            long_term: kind == Some(Kind::LongTerm),
            checked: kind.is_some(),
            body: message.to_body(),
            openid: message.touser,
        })
    }

    /// Checks a message against its template, whose kind is returned if it is known; cuts what may be cut.
    fn validate(&self, message: &mut Message, deadline: Deadline) -> Result<Option<Kind>, Error> {
        let faults = message.normalise().err().map(|e| e.message).unwrap_or_default();
        let mode = match self.core.config.validate {
            Validate::Strict => Some(Mode::Strict),
            Validate::Truncate => Some(Mode::Truncate),
            Validate::Off => None,
        };
        let found = self.templates.find(&message.template_id, deadline);
        let wrong = |faults| Err(Error::new(Status::Message, faults));
        let template = match (found, mode) {
            (Found::Known(template), None) => return Ok(Some(template.kind)),
            (_, None) => return Ok(None),
            (Found::Known(template), Some(_)) => template,
            (Found::NoIdea, Some(_)) if faults.is_empty() => return Ok(None),
            (Found::NoIdea, Some(_)) => return wrong(faults),
            (Found::Unknown(count), Some(_)) => {
                let id = &message.template_id;
                return wrong(format!("template_id {id} is none of the account's {count} templates; nothing was sent"));
            }
        };
        let checked = check(&template, message.values(), mode.unwrap_or(Mode::Strict));
        if faults.is_empty() && checked.passes() {
            for cut in checked.cuts {
                log_line!(self.core.log, Warn, "{} for {}: {cut}", message.template_id, message.touser);
                message.set_value(&cut.key, cut.value);
            }
            return Ok(Some(template.kind));
        }
        // A value that is not even in form was told already, and is not missing.
        let more: Vec<Fault> =
            checked.faults.into_iter().filter(|f| !f.is_missing() || !message.has_key(&f.key)).collect();
        wrong(join(faults, &more))
    }
}

fn join(mut faults: String, more: &[Fault]) -> String {
    if !more.is_empty() {
        if !faults.is_empty() {
            faults.push_str("; ");
        }
        faults.push_str(&faults_message(more, FAULTS_BYTES.saturating_sub(faults.len())));
    }
    faults
}
