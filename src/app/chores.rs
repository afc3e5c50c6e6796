//! What a node does by the clock: sign-ins that were ended elsewhere end here too, so do powers that
//! the command line took away, and what ran out goes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::actors::{RoomsHandle, Throttle};
use crate::domain::{Day, DeviceId, Millis, Rank, RoomId, UserId, limits};
use crate::files::Files;
use crate::http::Tokens;
use crate::store::{ShownNotices, Store, StoreError};

/// How often the node looks for sign-ins that the command line or another node has ended.
const LOOK: Duration = Duration::from_millis(500);
/// How far back it looks: clocks of nodes differ, and a commit may be late.
const BACK: Duration = Duration::from_secs(30);
/// How often it is written down what was shown.
const NOTE: Duration = Duration::from_secs(1);
/// About so many inbox entries are written down together; the writer is left to others in between.
const NOTED: i64 = 2_048;
/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(60);
/// Rows of what was used that are forgotten at a time; the writer is left to others in between.
const SPENT: u32 = 500;
/// Files are swept some hundred at a time, so often in a row at most.
const SWEEPS: u32 = 20;

/// The admins of the instance, and the state of the lobbies that they were read with.
#[derive(Default)]
struct Admins {
    lobbies: Vec<(RoomId, i64)>,
    admins: HashSet<UserId>,
}

/// The chores of a node.
#[derive(Clone)]
pub(super) struct Chores {
    pub(super) store: Store,
    pub(super) files: Files,
    pub(super) rooms: RoomsHandle,
    pub(super) tokens: Arc<Tokens>,
    pub(super) throttle: Arc<Throttle>,
}

impl Chores {
    /// Does them until it is dropped. A sweep waits for the disk, and who is out must not wait for it.
    pub(super) async fn run(&self) {
        tokio::join!(self.look(), self.clean(), self.note_shown());
    }

    /// Writes down which inbox entries were shown, those of a second together.
    async fn note_shown(&self) {
        let Some(mut shown) = self.rooms.shown.open() else { return };
        let mut waiting = Vec::new();
        loop {
            tokio::time::sleep(NOTE).await;
            let entries = |one: &ShownNotices| (one.last - one.first).saturating_add(1);
            let mut count: i64 = waiting.iter().map(entries).sum();
            while count < NOTED {
                let Ok(next) = shown.try_recv() else { break };
                count = count.saturating_add(entries(&next));
                waiting.push(next);
            }
            if waiting.is_empty() {
                continue;
            }
            match self.store.note_shown(&waiting).await {
                Ok(()) => waiting = Vec::new(),
                Err(why) => tracing::warn!("shown inbox entries were not written down: {why}"),
            }
        }
    }

    async fn look(&self) {
        let mut admins = Admins::default();
        loop {
            tokio::time::sleep(LOOK).await;
            self.look_for_revoked().await;
            if let Err(why) = self.look_for_admins(&mut admins).await {
                tracing::warn!("admins could not be read: {why}");
            }
        }
    }

    async fn clean(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.sweep().await;
        }
    }

    async fn look_for_revoked(&self) {
        let back = i64::try_from(BACK.as_millis()).unwrap_or(0);
        let since = Millis(Millis::now().0 - back);
        let ended = match self.store.families_revoked_since(since).await {
            Ok(ended) => ended,
            Err(why) => {
                tracing::warn!("ended sign-ins could not be read: {why}");
                return;
            }
        };
        let is_news = |(_, device): &(UserId, DeviceId)| !self.tokens.is_revoked(*device);
        for (user, device) in ended.into_iter().filter(is_news) {
            self.tokens.revoke(&[device]);
            self.rooms.revoke_here(user, vec![device]).await;
        }
    }

    /// Who was made an admin on the command line moderates the lobbies, and who is none any more
    /// does not.
    async fn look_for_admins(&self, known: &mut Admins) -> Result<(), StoreError> {
        let lobbies = self.store.lobbies().await?;
        if lobbies == known.lobbies {
            return Ok(());
        }
        let now: HashSet<_> = self.store.admins().await?.into_iter().collect();
        let gone = known.admins.difference(&now).map(|user| (*user, Rank::Member));
        let ranks: Vec<_> = gone.chain(now.iter().map(|user| (*user, Rank::Owner))).collect();
        for (lobby, _rev) in &lobbies {
            self.rooms.stand(*lobby, &ranks);
        }
        *known = Admins { lobbies, admins: now };
        Ok(())
    }

    async fn sweep(&self) {
        self.throttle.forget();
        if let Err(why) = self.store.sweep_tokens(Millis::now()).await {
            tracing::warn!("tokens were not swept: {why}");
        }
        if let Err(why) = self.store.end_bans(Millis::now()).await {
            tracing::warn!("bans that have ended were not written down: {why}");
        }
        if let Err(why) = self.store.sweep_links(Millis::now()).await {
            tracing::warn!("links were not swept: {why}");
        }
        let since = Millis(Millis::now().0.saturating_sub(limits::ANSWER_LIFE_MS));
        if let Err(why) = self.store.sweep_answers(since).await {
            tracing::warn!("answers were not swept: {why}");
        }
        self.sweep_spent(Millis::now()).await;
        self.sweep_files(Millis::now()).await;
    }

    /// Forgets what was used of the assistant long ago. What is more than that is for the next time.
    async fn sweep_spent(&self, now: Millis) {
        let before = Day(Day::of(now, 0).0 - limits::SPENT_DAYS);
        for _some in 0..SWEEPS {
            match self.store.forget_spent(before, SPENT).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => {
                    tracing::warn!("what was used long ago was not forgotten: {why}");
                    break;
                }
            }
        }
    }

    /// Removes what was dropped, and uploads that no message has used in a day.
    pub(super) async fn sweep_files(&self, now: Millis) {
        // What could not be removed, and what is more than that, is for the next time.
        for _some in 0..SWEEPS {
            if !self.sweep_some_files(now).await {
                break;
            }
        }
    }

    /// Removes some; true when all of these are gone, and so there may be more.
    async fn sweep_some_files(&self, now: Millis) -> bool {
        let dropped = match self.store.dropped_files(now, limits::UNUSED_FILE_LIFE).await {
            Ok(dropped) => dropped,
            Err(why) => {
                tracing::warn!("files were not swept: {why}");
                return false;
            }
        };
        let count = dropped.len();
        let mut gone = Vec::with_capacity(dropped.len());
        for (file, blob) in dropped {
            match self.files.remove(&blob).await {
                Ok(()) => gone.push(file),
                // The row stays, and so it is tried again.
                Err(why) => tracing::warn!(file.id = %file, "a file was not removed: {why}"),
            }
        }
        if gone.is_empty() {
            return false;
        }
        if let Err(why) = self.store.erase_files(&gone).await {
            tracing::warn!("files were not forgotten: {why}");
            return false;
        }
        gone.len() == count
    }
}
