//! What a room asks of those who are inside: permissions and mutes, the pace, the filter of its
//! club. The fifth part of [`RoomState`]; as pure as the others.
//!
//! Everything that one may or may not do here is decided by [`RoomState::check`]. What is known here
//! may be a moment old where other nodes write too, and after a crash the pace is forgotten: so the
//! journal asks once more for mutes and the pace, and what it refuses is learnt here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::message::{RoomMsg, Settings};
use super::refusal::RoomRefusal;
use super::state::{Effect, RoomState};
use crate::actors::relay::Tell;
use crate::actors::seat::Answer;
use crate::domain::{
    Cid, Denied, Filter, FilterId, Millis, Permission, RoomSettings, Standing, Text, UserId,
    Verdict,
};
use crate::store::AppendRefusal;

/// Entries of the pace that are kept before those are dropped that hold nobody up any more.
const PACE: usize = 256;

/// The rules of one room.
#[derive(Debug, Clone)]
pub(crate) struct RuleBook {
    /// Who may do what, and how often.
    pub(crate) settings: RoomSettings,
    /// What is not wanted here; none where there is no such rule.
    pub(crate) filter: Option<Arc<Filter>>,
    /// The state of the room that all this was read from.
    pub(crate) rev: i64,
    /// The seq up to which the room has forgotten what was said.
    pub(crate) horizon: i64,
}

impl RuleBook {
    /// A room of a kind that says nothing of its own.
    #[cfg(test)]
    pub(crate) fn of(kind: crate::domain::RoomKind) -> Self {
        Self { settings: RoomSettings::of(kind), filter: None, rev: 0, horizon: 0 }
    }
}

/// Who wrote last when, in a room that has a pace.
#[derive(Debug)]
pub(super) struct Pace {
    sent: HashMap<UserId, (Millis, Cid)>,
    most: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { sent: HashMap::new(), most: PACE }
    }
}

impl Pace {
    fn put(&mut self, user: UserId, sent: (Millis, Cid), slow_mode: Duration) {
        let now = sent.0;
        if self.sent.len() >= self.most {
            self.sent.retain(|_, (at, _)| at.plus(slow_mode) > now);
            self.most = PACE.max(self.sent.len() * 2);
        }
        self.sent.insert(user, sent);
    }
}

/// The rules are being read again.
#[derive(Debug, Default)]
pub(super) struct Refreshing {
    is_reading: bool,
    /// Who asked before the read began.
    now: Vec<Answer<()>>,
    /// Who asked later: what is being read may be older.
    next: Vec<Answer<()>>,
    is_due: bool,
}

impl RoomState {
    /// Whether a user may do something here now. Every permission is asked for in this place.
    pub(crate) fn check(
        &self,
        user: UserId,
        permission: Permission,
        now: Millis,
    ) -> Result<Standing, RoomRefusal> {
        let Some(standing) = self.facts.roster.get(&user).copied() else {
            return Err(RoomRefusal::NotMember);
        };
        match self.facts.rules.settings.check(standing, permission, now) {
            Ok(()) => Ok(standing),
            Err(Denied::Rank(least)) => Err(RoomRefusal::Rank(least)),
            Err(Denied::Blocked) => Err(RoomRefusal::Blocked),
            Err(Denied::Muted(until)) => Err(RoomRefusal::Muted { until: until.0 }),
        }
    }

    /// What becomes of a text that somebody wants to write, and the rule that wants moderators to see
    /// it. Edits are texts, too.
    pub(crate) fn screen(
        &self,
        standing: Standing,
        text: Text,
    ) -> Result<(Text, Option<FilterId>), RoomRefusal> {
        let Some(filter) = self.judge_of(standing) else { return Ok((text, None)) };
        match filter.judge(&text) {
            Verdict::Rejected(_rule) => Err(RoomRefusal::Filtered),
            Verdict::Taken { masked: None, flagged } => Ok((text, flagged)),
            Verdict::Taken { masked: Some(masked), flagged } => match Text::parse(&masked) {
                Ok(masked) => Ok((masked, flagged)),
                Err(_unwritable) => Err(RoomRefusal::Filtered),
            },
        }
    }

    /// What judges whatever else somebody writes here.
    pub(super) fn filter_for(&self, author: UserId) -> Option<Arc<Filter>> {
        let standing = self.facts.roster.get(&author)?;
        self.judge_of(*standing).cloned()
    }

    fn judge_of(&self, standing: Standing) -> Option<&Arc<Filter>> {
        self.facts.rules.filter.as_ref().filter(|_| !standing.is_moderator())
    }

    /// Takes a message up in the pace of the room. The same message once more is let through: the
    /// journal knows whether it stands.
    pub(super) fn keep_pace(
        &mut self,
        (user, standing): (UserId, Standing),
        cid: &Cid,
        now: Millis,
    ) -> Result<(), RoomRefusal> {
        let settings = self.facts.rules.settings;
        if settings.slow_mode.is_zero() || standing.is_moderator() {
            return Ok(());
        }
        match self.pace.sent.get(&user) {
            Some((_, last)) if last == cid => return Ok(()),
            Some((at, _)) => {
                if let Some(retry) = settings.wait(standing, *at, now) {
                    return Err(RoomRefusal::SlowMode { retry });
                }
            }
            None => {}
        }
        self.pace.put(user, (now, cid.clone()), settings.slow_mode);
        Ok(())
    }

    /// A message was not taken after all: it holds nobody up.
    pub(super) fn not_taken(&mut self, author: UserId) {
        self.pace.sent.remove(&author);
    }

    /// The journal knew better than the room.
    pub(super) fn learn(&mut self, author: UserId, why: &AppendRefusal) {
        if let AppendRefusal::Muted { until } = *why
            && let Some(standing) = self.facts.roster.get_mut(&author)
        {
            standing.muted_until = Some(until);
        }
    }

    /// Somebody may write again, or not until then.
    pub(super) fn muted(&mut self, user: UserId, until: Option<Millis>) {
        if let Some(standing) = self.facts.roster.get_mut(&user) {
            standing.muted_until = until;
        }
    }

    /// Something about the room has changed that its log does not tell. Who changed it here waits for
    /// the answer; without one it was changed elsewhere, and perhaps there is more to it.
    pub(crate) fn refresh(&mut self, answer: Option<Answer<()>>) -> Vec<Effect> {
        let roster = if answer.is_none() { self.read_roster() } else { None };
        let mut effects = Vec::from_iter(roster);
        if self.refreshing.is_reading {
            self.refreshing.is_due = true;
            self.refreshing.next.extend(answer);
        } else {
            self.refreshing.is_reading = true;
            self.refreshing.now.extend(answer);
            effects.push(Effect::ReadSettings);
        }
        effects
    }

    /// The settings were read; `None` when that failed.
    pub(super) fn settings_read(&mut self, settings: Option<&Settings>) -> Vec<Effect> {
        if let Some(Settings { info, rules, readers }) = settings {
            self.resettled(info, readers);
            let before = std::mem::replace(&mut self.facts.rules, rules.clone());
            if rules.horizon > before.horizon {
                self.forget();
            }
            self.gauge.revise(rules.rev);
        }
        let refreshing = &mut self.refreshing;
        let mut effects = vec![Effect::Refreshed(std::mem::take(&mut refreshing.now))];
        refreshing.is_reading = std::mem::take(&mut refreshing.is_due);
        if refreshing.is_reading {
            refreshing.now = std::mem::take(&mut refreshing.next);
            effects.push(Effect::ReadSettings);
        }
        effects
    }

    /// Somebody asks who is not inside, and perhaps still has a place among the listeners: it was
    /// given while they went. They lose it.
    pub(crate) fn stranger(&self, msg: &RoomMsg) -> Option<Effect> {
        let user = msg.asked_by().filter(|user| !self.facts.roster.contains_key(user))?;
        Some(Effect::Tell(user, Tell::Remove(self.facts.room, "left")))
    }
}

#[cfg(test)]
mod tests;
