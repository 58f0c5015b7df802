//! What players and the host do, what becomes due, and what WeChat pushes.

use super::*;

impl World {
    /// A player answers: the game reports it, WeChat pushes it, or both, or neither.
    pub fn act(&mut self, p: usize) {
        let (player, template) = (self.rng.index(PLAYERS), self.rng.index(TEMPLATES));
        let refusal = self.rng.one_in(12);
        if refusal {
            self.wechat.reject(player, template);
        } else {
            self.wechat.accept(player, template);
        }
        let (at, act) = (EPOCH + self.now, self.truth.acts.len());
        self.truth.acts.push(Act { player, template, refusal, at, tried: 0, reported: None, pushed: None });
        if !self.rng.one_in(10) {
            self.add(p, Task::Report { act, until: self.now + REPORT_LATE });
        }
        self.wechat.push_later(player, Pushed::Act(act), self.now, &mut self.rng);
    }

    fn key(&mut self) -> (Option<String>, usize) {
        let n = self.rng.index(6);
        // A key goes with one template.
        ((!self.rng.one_in(4)).then(|| format!("k{n}")), n % TEMPLATES)
    }

    pub fn ask_to_send(&mut self, p: usize) {
        let (player, (key, template)) = (self.rng.index(PLAYERS), self.key());
        let until = self.now + self.rng.ms(100, 4000);
        let rules = self.rng.one_in(3);
        self.add(p, Task::Send(SendTask { key, rules, ..SendTask::new(player, template, until) }));
    }

    pub fn ask_to_store(&mut self, p: usize) {
        let (player, (key, template)) = (self.rng.index(PLAYERS), self.key());
        let (resend, replace) = (self.rng.one_in(5), self.rng.one_in(3));
        let due_in_ms = self.rng.ms(-500, 4000);
        let life_ms = if self.rng.one_in(4) { self.rng.ms(100, 5000) } else { DAY };
        if self.processes[p].is_up && self.processes[p].tasks.len() < TASKS {
            let number = self.truth.stored.len();
            let (rules, acknowledged, ended, in_doubt, forgotten) = (self.rng.one_in(3), false, None, false, false);
            let stored = Stored { player, template, key, resend, rules, acknowledged, ended, in_doubt, forgotten };
            self.truth.stored.push(stored);
            self.add(p, Task::Enqueue { number, replace, due_in_ms, life_ms });
        }
    }

    pub fn ask_to_cancel(&mut self, p: usize) {
        let player = self.rng.index(PLAYERS);
        if let (Some(key), _) = self.key() {
            self.add(p, Task::Cancel { player, key });
        }
    }

    /// The dispatcher of a process looks at what is due.
    pub fn deliver(&mut self, p: usize) -> Checked {
        let process = &self.processes[p];
        if !process.is_up || process.is_stopped {
            return Ok(());
        }
        let busy: Vec<u64> =
            process.tasks.iter().filter_map(Task::sends_to).map(|player| self.names[player].lasting.home()).collect();
        let agenda = self.engine.agenda(2, &|home| busy.contains(&home), soon()).unwrap();
        for name in agenda.ready {
            let Some(message) = self.engine.ask(peek(name.clone()), soon()).unwrap() else {
                self.step(p, NOBODY, Effect::Nothing, set_aside(name))?.unwrap_or_default();
                continue;
            };
            let number = number_of(&message);
            let Stored { player, template, rules, .. } = self.truth.stored[number];
            self.tell(|| format!("process {p} finds message {number}, {:?}", message.state));
            if message.state != MessageState::Waiting {
                match self.step(p, player, Effect::Nothing, recover(name, &message))? {
                    Ok(Some((ended, verdict))) => self.told(number_of(&ended), &verdict)?,
                    Ok(None) => {}
                    Err(_) => self.truth.stored[number].in_doubt = true,
                }
                continue;
            }
            let (key, until) = (message.key.clone(), self.now + self.rng.ms(300, 3000));
            let is_late = message.expires_ms <= self.wall();
            let stored = Some((number, name, Box::new(message)));
            let send = SendTask { key, stored, rules, ..SendTask::new(player, template, until) };
            if is_late {
                self.finish(p, send, failed(Status::Expired))?;
            } else {
                self.add(p, Task::Send(send));
            }
        }
        Ok(())
    }

    /// WeChat pushes something; again, unless it is told that it was taken.
    pub fn push(&mut self, p: usize) -> Checked {
        let process = &self.processes[p];
        let due = self.wechat.pushes.iter().position(|push| push.at <= self.now);
        let (Some(at), true) = (due, process.is_up && !process.is_stopped) else { return Ok(()) };
        let push = self.wechat.pushes.remove(at);
        let player = push.player;
        let (part, effect, created_ms) = match push.what {
            Pushed::Act(act) => {
                let Act { template, refusal, at, .. } = self.truth.acts[act];
                let life = self.truth.lives[player];
                // What happened before the player was forgotten is no news.
                let is_old = at < EPOCH + life.since - self.clock_margin();
                self.truth.acts[act].tried |= u64::from(!is_old) << life.number;
                let change = if refusal { Change::Clear } else { Change::Grant };
                let effect = if refusal { Effect::Clear(template) } else { Effect::Grant(template) };
                let template = self.templates[template].clone();
                let item = Item { template, change, long_term: false, player_action: true };
                ((format!("act {act}"), EventPart::Answer(item)), effect, at)
            }
            Pushed::Sent { template, msgid, created } => {
                // In another life nobody knows whose it is: it may settle a send that is in doubt there.
                if let Some(request) = self.wechat.taken_as(msgid) {
                    self.note_late(player, template, request.life);
                }
                // Of several in doubt it settles the first that fits its time, by clocks that may have been set; the other
                // one stays unknown, whatever its holder is told later.
                if self.in_doubt(player, template)? > 1 {
                    self.truth.told.open[template] += 1;
                }
                let (effect, template) = (Effect::Spend(template), self.templates[template].clone());
                let part = EventPart::Sent { template, verdict: Box::new(sent(msgid)), outcome: Outcome::Spent };
                ((format!("sent {msgid}"), part), effect, EPOCH + created)
            }
        };
        self.tell(|| format!("process {p} is pushed {:?}", push.what));
        let number = self.new_number();
        let openid = self.openids[player].clone();
        let event = Event { openid, created_ms, parts: vec![part], trusted: true, max_count: 0, number };
        match (self.step(p, player, effect, handle_event(event))?, &push.what) {
            (Ok(Ok(_)), Pushed::Act(act)) => {
                let life = self.truth.lives[player];
                if self.truth.acts[*act].at >= EPOCH + life.since + self.clock_margin() {
                    self.truth.acts[*act].pushed = Some(life.number);
                }
                self.recheck(player)?;
            }
            (Ok(Ok(_)), Pushed::Sent { .. }) => {}
            (Ok(Err(_)) | Err(_), _) => {
                let at = self.now + self.rng.ms(1, 5000);
                self.wechat.pushes.push(wechat::Push { at, ..push });
            }
        }
        Ok(())
    }

    /// So much the store's clock may be off WeChat's.
    pub fn clock_margin(&self) -> i64 {
        if self.clocks_jump && !self.is_server { CLOCK_OFF } else { 0 }
    }

    /// The host mutes a player, or not any more; or forgets him.
    pub fn ask_about_player(&mut self, p: usize) {
        let player = self.rng.index(PLAYERS);
        if self.rng.one_in(5) {
            return self.add(p, Task::Forget { player, lists: false });
        }
        let for_ms = if self.rng.one_in(2) { 0 } else { self.rng.ms(1, 60 * SECOND) };
        self.add(p, Task::Mute { player, for_ms });
    }

    pub fn ask_to_open(&mut self, p: usize) {
        let player = self.rng.index(PLAYERS);
        self.add(p, Task::Open { player });
    }
}
