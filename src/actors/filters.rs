//! What is not wanted in clubs and lobbies, ready to be asked: made once a club and node, for all its
//! rooms that are awake, and again when the rules have changed. Clubs without rules are not in here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError, Weak};

use tokio::sync::{Mutex, Semaphore};

use crate::domain::{Filter, FilterRule};
use crate::store::{FilterScope, FilterStamp, Store, StoreError};

/// The filters of a node. Cheap to clone. The rooms own them: when the last room of a club sleeps,
/// its filter goes.
#[derive(Clone)]
pub(crate) struct Filters {
    places: Arc<Lock<HashMap<FilterScope, Arc<Place>>>>,
    /// An expression takes a third of a second at worst to become a table, and anybody may have a club:
    /// one is made at a time, whoever wants it.
    making: Arc<Semaphore>,
}

impl Default for Filters {
    fn default() -> Self {
        Self { places: Arc::default(), making: Arc::new(Semaphore::new(1)) }
    }
}

/// The filter of a club, or of the lobbies. Held while it is being made, so that it is made once.
type Place = Mutex<(FilterStamp, Weak<Filter>)>;

impl Filters {
    /// The filter of whose rules have this stamp; none where there are no rules.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn of(
        &self,
        store: &Store,
        scope: FilterScope,
        stamp: FilterStamp,
    ) -> Result<Option<Arc<Filter>>, StoreError> {
        if stamp.count == 0 {
            return Ok(None);
        }
        let place = self.place(scope);
        let mut place = place.lock().await;
        let known = place.1.upgrade();
        if let Some(filter) = known.clone().filter(|_| place.0 == stamp) {
            return Ok(Some(filter));
        }
        let rules = store.filters(scope).await?;
        // Perhaps newer than what was asked for.
        let newest = rules.last().map_or(0, |rule: &FilterRule| rule.id.0);
        let count = i64::try_from(rules.len()).unwrap_or(i64::MAX);
        let made = self.make(move || known.unwrap_or_default().renewed(&rules)).await;
        let Some(filter) = made.map(Arc::new) else {
            return Err(StoreError::Corrupt(format!("the filter of {scope:?} cannot be made")));
        };
        *place = (FilterStamp { count, newest }, Arc::downgrade(&filter));
        Ok(Some(filter).filter(|filter| !filter.is_empty()))
    }

    /// Does what works expressions out, one at a time; `None` if that panicked.
    pub(crate) async fn make<T, F>(&self, make: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let turn = Arc::clone(&self.making).acquire_owned().await.ok()?;
        let made = tokio::task::spawn_blocking(move || {
            // Held to the end, also when nobody waits for it any more.
            let _turn = turn;
            make()
        });
        made.await.ok()
    }

    fn place(&self, scope: FilterScope) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.contains_key(&scope) {
            places.retain(|_, place| {
                let is_used = |kept: &(FilterStamp, Weak<Filter>)| kept.1.strong_count() > 0;
                Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(|kept| is_used(&kept))
            });
        }
        Arc::clone(places.entry(scope).or_default())
    }
}
