//! The account's templates: from the configuration, or fetched from WeChat, kept in the store, renewed now and then.
//! Not knowing them never stops a send.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

use super::api_transport::Timing;
use super::core::Core;
use super::maintenance::Chore;
use super::wechat_api::{Call, Credential, WechatApi};
use crate::clock::{Deadline, Now};
use crate::config::Templates;
use crate::error::{Error, Status};
use crate::ledger::{self, TemplateId, hash_of};
use crate::log::log_line;
use crate::wechat::template::{self, Kind, Template};
use crate::wechat::{Endpoint, Request, is_system};

/// A list older than this is renewed behind the senders' backs.
const STALE_MS: i64 = 6 * 3_600_000;
/// WeChat is asked for an unknown template, or after a failure, no more often than this.
const ASK_AGAIN_MS: i64 = 60_000;
/// … and after a failure of somebody who had less than enough time.
const ASK_AGAIN_AFTER_SHORT_MS: i64 = 2_000;
/// Time in which WeChat would have answered.
const ENOUGH_TIME: Duration = Duration::from_millis(1000);
/// How long a send waits for the list at most; never more than half of its own time.
const WAIT_MS: u64 = 3000;

/// Templates that nobody knows and that have numbers of their own, at most; an account has at most 50.
const MAX_STRANGERS: usize = 500;

/// What is known of a template.
pub enum Found {
    /// This is it.
    Known(Arc<Template>),
    /// The account has so many templates, and it is none of them.
    Unknown(usize),
    /// Nothing is known.
    NoIdea,
}

type List = HashMap<String, Arc<Template>>;

/// The account's templates, as far as they are known.
pub struct TemplateCache {
    /// Whether WeChat is asked.
    auto: bool,
    core: Arc<Core>,
    api: Arc<WechatApi>,
    known: Mutex<Known>,
    asking: Mutex<()>,
    renewal_wanted: AtomicBool,
    confirmation_wanted: AtomicBool,
}

#[derive(Default)]
struct Known {
    list: Option<Arc<List>>,
    /// When the list was WeChat's, and when WeChat was asked last, by the boot clock.
    fetched_boot: i64,
    asked_boot: Option<i64>,
    /// Whether the store was looked at.
    loaded: bool,
    /// Ids that the store's directory holds, so that records may name them by a hash.
    directory: HashSet<String>,
    /// Ids that a send has confirmed, for the directory.
    confirmed: HashSet<String>,
    /// Ids that are neither in the list nor in the directory, and have numbers of their own in the funnel.
    strangers: HashSet<String>,
}

impl TemplateCache {
    /// # Errors
    /// [`Status::Config`] when the configured list is wrong.
    pub fn new(core: Arc<Core>, api: Arc<WechatApi>) -> Result<TemplateCache, Error> {
        let mut known = Known::default();
        if let Templates::Listed(list) = &core.config.templates {
            let list =
                template::parse_config(&Value::Array(list.clone())).map_err(|e| Error::new(Status::Config, e))?;
            known.list = Some(Arc::new(by_id(list)));
        }
        Ok(TemplateCache {
            auto: core.config.templates == Templates::Auto,
            core,
            api,
            known: Mutex::new(known),
            asking: Mutex::new(()),
            renewal_wanted: AtomicBool::new(false),
            confirmation_wanted: AtomicBool::new(false),
        })
    }

    /// The template as the ledger takes it.
    pub fn id_of(&self, template_id: &str, deadline: Deadline) -> TemplateId {
        self.load(deadline);
        let mut known = self.known.lock();
        let template = TemplateId::new(template_id, known.directory.contains(template_id));
        if template.is_known() || known.may_have_numbers(template_id) { template } else { template.unlisted() }
    }

    /// Reads the directory again: other processes may have confirmed ids since it was read.
    ///
    /// # Errors
    /// [`Status::Store`].
    pub fn read_directory(&self, deadline: Deadline) -> Result<(), Error> {
        let (_, ids) = self.core.engine.ask(ledger::read_templates(), deadline)?;
        self.known.lock().directory.extend(ids);
        Ok(())
    }

    /// The id of a template that a record names; of one that is not known its hash.
    pub fn spell(&self, template: &ledger::Template) -> String {
        match template {
            ledger::Template::Spelled(id) => id.clone(),
            // What is counted under no template, or was told of all.
            ledger::Template::Hash(hash) if *hash == hash_of("") => String::new(),
            ledger::Template::Hash(hash) => {
                let known = self.known.lock();
                known
                    .directory
                    .iter()
                    .find(|id| hash_of(id) == *hash)
                    .cloned()
                    .unwrap_or_else(|| format!("#{hash:016x}"))
            }
        }
    }

    /// WeChat took a message from this template: it is one of the account's.
    pub fn note_sent(&self, template: &TemplateId) {
        if template.is_known() {
            return;
        }
        let mut known = self.known.lock();
        if !known.directory.contains(template.id()) && known.confirmed.insert(template.id().to_owned()) {
            self.confirmation_wanted.store(true, Ordering::Relaxed);
        }
    }

    fn confirm(&self, ids: Vec<String>) -> Result<(), Error> {
        let directory = self.core.engine.run(ledger::confirm(ids), Deadline::in_ms(2000))?;
        self.known.lock().directory.extend(directory);
        Ok(())
    }

    /// Whether a template is on or off instead of counted, as far as it is known without asking WeChat.
    pub fn is_long_term(&self, template_id: &str, deadline: Deadline) -> bool {
        if is_system(template_id) {
            return true;
        }
        self.load(deadline);
        let known = self.known.lock();
        known.list.as_ref().and_then(|list| list.get(template_id)).is_some_and(|t| t.kind == Kind::LongTerm)
    }

    /// Whether [`TemplateCache::find`] would ask WeChat.
    pub fn would_ask(&self, template_id: &str, deadline: Deadline) -> bool {
        self.load(deadline);
        let known = self.known.lock();
        let is_known = known.list.as_ref().is_some_and(|list| list.contains_key(template_id));
        !is_known && self.auto && known.may_ask()
    }

    /// Whether a list is in memory, so that hardly anybody would be asked.
    pub fn is_at_hand(&self) -> bool {
        !self.auto || self.known.lock().list.is_some()
    }

    /// What is known of a template; asks WeChat on first need and for an unknown one.
    pub fn find(&self, template_id: &str, deadline: Deadline) -> Found {
        self.load(deadline);
        let wait_ms = (deadline.left().as_millis() as u64 / 2).min(WAIT_MS);
        let mut asked = false;
        loop {
            let ask = {
                let known = self.known.lock();
                let now = Now::read().boot_ms;
                let may_ask = self.auto && known.may_ask();
                if let Some(template) = known.list.as_ref().and_then(|list| list.get(template_id)) {
                    if may_ask && now - known.fetched_boot > STALE_MS {
                        self.renewal_wanted.store(true, Ordering::Relaxed);
                    }
                    return Found::Known(Arc::clone(template));
                }
                may_ask && !asked
            };
            if !ask {
                break;
            }
            asked = true;
            self.ask(Deadline::in_ms(wait_ms));
        }
        let known = self.known.lock();
        match &known.list {
            // A list that could not be renewed lately may lack a template that is there by now; an empty one is taken
            // for an answer gone wrong, since such an account could send nothing.
            Some(list) if !list.is_empty() && (!self.auto || known.is_fresh()) => Found::Unknown(list.len()),
            _ => Found::NoIdea,
        }
    }

    /// How many templates the account has, asked now.
    ///
    /// # Errors
    /// Why they could not be fetched.
    pub fn count(&self, deadline: Deadline) -> Result<usize, Error> {
        self.fetch(deadline).map(|list| list.len())
    }

    /// Reads what the store keeps, once.
    pub fn load(&self, deadline: Deadline) {
        if self.known.lock().loaded {
            return;
        }
        // Read outside of the lock: a slow disk must not stop the senders that need nothing from it.
        let kept = self.core.engine.ask(ledger::read_templates(), deadline);
        let mut known = self.known.lock();
        if known.loaded {
            return;
        }
        match kept {
            Ok((list, ids)) => {
                known.loaded = true;
                known.directory.extend(ids);
                let list = list.filter(|_| self.auto && known.list.is_none());
                let list = list.and_then(|(text, age)| Some((serde_json::from_str::<Vec<Template>>(&text).ok()?, age)));
                if let Some((list, age_ms)) = list {
                    known.list = Some(Arc::new(by_id(list)));
                    known.fetched_boot = Now::read().boot_ms - age_ms.max(0);
                }
            }
            Err(e) => log_line!(self.core.log, Warn, "the kept templates could not be read: {}", e.message),
        }
    }

    /// Asks WeChat, one caller at a time; the others wait for what it finds.
    fn ask(&self, deadline: Deadline) {
        let before = self.known.lock().asked_boot;
        let Some(_one) = self.asking.try_lock_until(deadline.instant()) else { return };
        if self.known.lock().asked_boot != before {
            return;
        }
        let short_time = deadline.left() < ENOUGH_TIME;
        if let Err(e) = self.fetch(deadline) {
            log_line!(
                self.core.log,
                Warn,
                "the account's templates could not be fetched, messages go unchecked: {}",
                e.message
            );
            // A caller with little time of its own must not keep the others from the list for long.
            let pause_ms = if short_time { ASK_AGAIN_AFTER_SHORT_MS } else { ASK_AGAIN_MS };
            self.known.lock().asked_boot = Some(Now::read().boot_ms - ASK_AGAIN_MS + pause_ms);
            return;
        }
        self.known.lock().asked_boot = Some(Now::read().boot_ms);
    }

    fn fetch(&self, deadline: Deadline) -> Result<Arc<List>, Error> {
        let call = Call {
            endpoint: Endpoint::Send,
            timing: Timing::until(deadline),
            attempts: 1,
            credential: Credential::AccessToken,
            request: &Request::templates,
            accepts: |_| true,
        };
        let answer = self.api.call(&call).result.into_answer()?.into_value();
        let list = template::parse_answer(&answer)
            .ok_or_else(|| Error::new(Status::Wechat, "the answer of gettemplate holds no list of templates"))?;
        let text = serde_json::to_string(&list).unwrap_or_default();
        let list = Arc::new(by_id(list));
        log_line!(self.core.log, Info, "the account has {} templates", list.len());
        if let Err(e) = self.confirm(list.keys().cloned().collect()) {
            log_line!(self.core.log, Warn, "the templates' ids could not be kept: {}", e.message);
        }
        if !self.auto {
            return Ok(list);
        }
        {
            let mut known = self.known.lock();
            known.list = Some(Arc::clone(&list));
            known.fetched_boot = Now::read().boot_ms;
        }
        self.core.engine.run_later(ledger::put_list(text));
        Ok(list)
    }
}

impl Chore for TemplateCache {
    fn is_due(&self) -> bool {
        self.renewal_wanted.load(Ordering::Relaxed) || self.confirmation_wanted.load(Ordering::Relaxed)
    }

    /// Renews the list, while the senders go on with the old one; keeps the ids that sends have confirmed.
    fn run(&self) -> Result<(), Error> {
        if self.renewal_wanted.load(Ordering::Relaxed) {
            self.ask(Deadline::in_ms(10_000));
            // Sends that came meanwhile still saw the old list.
            self.renewal_wanted.store(false, Ordering::Relaxed);
        }
        if self.confirmation_wanted.swap(false, Ordering::Relaxed) {
            let ids = std::mem::take(&mut self.known.lock().confirmed).into_iter().collect();
            self.confirm(ids)?;
        }
        Ok(())
    }
}

impl Known {
    fn may_ask(&self) -> bool {
        let now = Now::read().boot_ms;
        self.asked_boot.is_none_or(|asked| now - asked > ASK_AGAIN_MS)
    }

    /// Whether the funnel may have rows of this template, which no directory holds: a player's device can name any.
    fn may_have_numbers(&mut self, template_id: &str) -> bool {
        if self.list.as_ref().is_some_and(|list| list.contains_key(template_id)) || self.strangers.contains(template_id)
        {
            return true;
        }
        let has_room = self.strangers.len() < MAX_STRANGERS;
        if has_room {
            self.strangers.insert(template_id.to_owned());
        }
        has_room
    }

    fn is_fresh(&self) -> bool {
        Now::read().boot_ms - self.fetched_boot <= ASK_AGAIN_MS
    }
}

fn by_id(list: Vec<Template>) -> List {
    list.into_iter().map(|t| (t.id.clone(), Arc::new(t))).collect()
}
