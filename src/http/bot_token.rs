//! Tokens of bots: random, good until they are renewed, and looked up, for nothing is written in them.
//! What was found is remembered for a while, so most calls of a bot cost what those of others do.
//!
//! **Invariant:** what is remembered was read less than [`super::token::Tokens::memory`] ago. So long a
//! sign-in that ended is known to have ended, and whatever a look-up brings late is not believed.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::error::ApiError;
use super::secret::{self, Fresh};
use crate::domain::{DeviceId, Millis, UserId};
use crate::store::BotToken;

/// What every token of a bot begins with: people who find one see what it is, and we whether to look.
const MARK: &str = "moim_bot_";
/// A signed-in bot stays without a fresh token for as long as the token holds: for ever.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A token that was just made.
pub(super) fn fresh() -> Result<Fresh, ApiError> {
    let text = format!("{MARK}{}", Fresh::make()?.text);
    Ok(Fresh { hash: secret::hash(&text), text })
}

/// Whether a token is to be looked up.
pub(super) fn is_meant(token: &str) -> bool {
    token.starts_with(MARK)
}

/// Until when a bot may stay that signs in now.
pub(super) fn until(now: Millis) -> Millis {
    now.plus(FOR_EVER)
}

/// Tokens that were looked up, by their hashes.
#[derive(Debug, Default)]
pub(super) struct BotTokens(RwLock<HashMap<Vec<u8>, Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    whose: BotToken,
    until: Millis,
}

impl BotTokens {
    /// Whose a token is, if that is remembered.
    pub(super) fn find(&self, hash: &[u8], now: Millis) -> Option<(UserId, DeviceId)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(hash).filter(|known| known.until > now)?;
        Some((known.whose.user, known.whose.device))
    }

    /// Remembers whose a token is until then; forgets what has run out.
    pub(super) fn keep(&self, hash: Vec<u8>, whose: BotToken, (now, until): (Millis, Millis)) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_hash, known| known.until > now);
        known.insert(hash, Known { whose, until });
    }

    /// Forgets the tokens of sign-ins.
    pub(super) fn forget(&self, devices: &[DeviceId]) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_hash, known| !devices.contains(&known.whose.device));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: BotToken = BotToken { user: UserId(7), device: DeviceId(3) };
    const NOW: Millis = Millis(1_000);

    #[test]
    fn a_token_says_that_it_is_a_bots_and_nothing_else() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert!(is_meant(&one.text) && !is_meant("eyJ0eXAi.e30."));
        assert_ne!(one.text, other.text);
        assert_eq!(one.hash, secret::hash(&one.text));
    }

    #[test]
    fn what_was_found_is_remembered_for_a_while() {
        let tokens = BotTokens::default();
        tokens.keep(vec![1], WHOSE, (NOW, Millis(2_000)));
        assert_eq!(tokens.find(&[1], NOW), Some((UserId(7), DeviceId(3))));
        assert_eq!(tokens.find(&[2], NOW), None);
        assert_eq!(tokens.find(&[1], Millis(2_000)), None);
    }

    #[test]
    fn a_token_whose_sign_in_has_ended_is_forgotten() {
        let tokens = BotTokens::default();
        tokens.keep(vec![1], WHOSE, (NOW, Millis(2_000)));
        tokens.forget(&[DeviceId(4)]);
        assert!(tokens.find(&[1], NOW).is_some());
        tokens.forget(&[DeviceId(3)]);
        assert_eq!(tokens.find(&[1], NOW), None);
    }
}
