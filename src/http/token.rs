//! Access tokens: signed, checked without the store, dead at once when their sign-in is revoked. And tokens
//! of bots, which are looked up first, and end the same way.
//!
//! **Invariant:** the algorithm is ours and never the token's. **Invariant:** a sign-in that ended
//! is remembered here for as long as a token of it could still hold; after that the token has run
//! out by itself.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::bot_token::{self, BotTokens};
use super::error::ApiError;
use super::files::FileKeys;
use super::secret;
use crate::actors::{CheckToken, Claims, Learning};
use crate::domain::{DeviceId, InstanceRole, Millis, UserId};
use crate::protocol::{ErrorCode, Refusal};
use crate::store::{Store, StoreError, User};

const ISSUER: &str = "moim";
const AUDIENCE: &str = "moim";
/// An operator's pass is for others than a user's token, so that neither is ever taken for the
/// other.
const OPERATORS: &str = "moim-operator";
/// How long a pass holds: its maker has the key and makes a new one.
const PASS_LIFE: Duration = Duration::from_secs(30);
/// The clocks of nodes differ a little.
const LEEWAY: Duration = Duration::from_secs(5);

/// What stands in a token.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    sub: UserId,
    sid: DeviceId,
    kind: String,
    role: InstanceRole,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// What stands in a pass.
#[derive(Debug, Serialize, Deserialize)]
struct Pass {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// Signs and checks the access tokens of this instance.
pub struct Tokens {
    header: Header,
    sign: EncodingKey,
    verify: DecodingKey,
    rules: Validation,
    pass_rules: Validation,
    life: Duration,
    files: FileKeys,
    bots: Arc<BotTokens>,
    /// Where tokens of bots are looked up.
    store: Option<Store>,
    /// Sign-ins that ended, and when the last token of each has run out.
    revoked: RwLock<HashMap<DeviceId, Millis>>,
}

impl Tokens {
    /// Tokens that hold for `life`, signed with `key`, which all nodes share.
    #[must_use]
    pub fn new(key: &[u8], life: Duration) -> Self {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(secret::fingerprint(key));
        Self {
            header,
            sign: EncodingKey::from_secret(key),
            verify: DecodingKey::from_secret(key),
            rules: rules(AUDIENCE, &["exp", "iss", "aud", "sub"]),
            pass_rules: rules(OPERATORS, &["exp", "iss", "aud"]),
            life,
            files: FileKeys::new(key),
            bots: Arc::default(),
            store: None,
            revoked: RwLock::default(),
        }
    }

    /// The same, with a place to look up the tokens of bots.
    #[must_use]
    pub fn with_bots(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Keys for addresses of files.
    pub(super) const fn files(&self) -> &FileKeys {
        &self.files
    }

    /// How long a token holds.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.life
    }

    /// For how long back the ends of sign-ins matter: what a node asks the store at its start.
    #[must_use]
    pub fn memory(&self) -> Duration {
        self.life.saturating_add(LEEWAY)
    }

    /// Sign-ins that have ended, here or on another node: their tokens are dead from now on.
    pub fn revoke(&self, devices: &[DeviceId]) {
        let now = Millis::now();
        let until = now.plus(self.memory());
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        revoked.retain(|_device, until| *until > now);
        revoked.extend(devices.iter().map(|device| (*device, until)));
        drop(revoked);
        self.bots.forget(devices);
    }

    /// A token for a sign-in.
    ///
    /// # Errors
    /// Never in practice: the shape always can be written and the key always signs.
    pub(super) fn issue(
        &self,
        user: &User,
        device: DeviceId,
        now: Millis,
    ) -> Result<String, ApiError> {
        let body = Body {
            sub: user.id,
            sid: device,
            kind: user.kind.clone(),
            role: user.role,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now.0 / 1_000,
            exp: now.plus(self.life).0 / 1_000,
        };
        encode(&self.header, &body, &self.sign).map_err(|why| ApiError::internal(&why))
    }

    /// A pass for whoever has the key and no account: reads what admins may read of the node.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub(crate) fn pass(&self, now: Millis) -> Result<String, ApiError> {
        let (iss, aud) = (ISSUER.to_owned(), OPERATORS.to_owned());
        let pass = Pass { iss, aud, iat: now.0 / 1_000, exp: now.plus(PASS_LIFE).0 / 1_000 };
        encode(&self.header, &pass, &self.sign).map_err(|why| ApiError::internal(&why))
    }

    /// Whether this is a pass that holds.
    pub(super) fn is_pass(&self, token: &str) -> bool {
        decode::<Pass>(token, &self.verify, &self.pass_rules).is_ok()
    }

    /// What somebody may who was let in now without a token, by a ticket.
    pub(super) fn claims(&self, user: UserId, device: DeviceId, now: Millis) -> Claims {
        Claims { user, device, until: now.plus(self.life), is_bots: false }
    }

    /// Whether the tokens of a sign-in are dead.
    #[must_use]
    pub fn is_revoked(&self, device: DeviceId) -> bool {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains_key(&device)
    }
}

impl Tokens {
    fn bots_claims(&self, token: &str) -> Result<Claims, Refusal> {
        let now = Millis::now();
        let known = self.bots.find(&secret::hash(token), now);
        // A look-up that began before the end of the sign-in may have come back behind it.
        let known = known.filter(|(_user, device)| !self.is_revoked(*device));
        let refused = || Refusal::new(ErrorCode::Unauthorized, "this is no valid token of a bot");
        let (user, device) = known.ok_or_else(refused)?;
        Ok(Claims { user, device, until: bot_token::until(now), is_bots: true })
    }
}

/// The answer when the store could not be asked.
fn unread(why: StoreError) -> Refusal {
    match ApiError::from(why) {
        ApiError::Refused(refusal) => refusal,
        _defect => Refusal::new(ErrorCode::Internal, "the server made a mistake"),
    }
}

fn rules(audience: &str, claims: &[&str]) -> Validation {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(claims);
    rules.leeway = LEEWAY.as_secs();
    rules
}

impl CheckToken for Tokens {
    fn check(&self, token: &str) -> Result<Claims, Refusal> {
        let no = |code, msg| Err(Refusal::new(code, msg));
        if bot_token::is_meant(token) {
            return self.bots_claims(token);
        }
        let body = match decode::<Body>(token, &self.verify, &self.rules) {
            Ok(token) => token.claims,
            Err(why) if matches!(why.kind(), ErrorKind::ExpiredSignature) => {
                return no(ErrorCode::TokenExpired, "the access token ran out");
            }
            Err(_odd) => return no(ErrorCode::Unauthorized, "this is no valid access token"),
        };
        if self.is_revoked(body.sid) {
            return no(ErrorCode::Unauthorized, "this sign-in has ended");
        }
        let until = Millis(body.exp.saturating_mul(1_000));
        Ok(Claims { user: body.sub, device: body.sid, until, is_bots: false })
    }

    fn learn(&self, token: &str) -> Option<Learning> {
        let store = self.store.clone().filter(|_store| bot_token::is_meant(token))?;
        let hash = secret::hash(token);
        let now = Millis::now();
        if self.bots.find(&hash, now).is_some() {
            return None;
        }
        // As of before it is read.
        let until = now.plus(self.life);
        let bots = Arc::clone(&self.bots);
        Some(Box::pin(async move {
            let Some(whose) = store.bot_by_token(&hash).await.map_err(unread)? else {
                return Ok(());
            };
            if let Err(why) = store.note_bot(whose.device, now).await {
                tracing::warn!("it was not noted that a bot came: {why}");
            }
            bots.keep(hash, whose, (now, until));
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a key of thirty-two bytes, no less";

    fn tokens() -> Tokens {
        Tokens::new(KEY, Duration::from_secs(60))
    }

    fn user() -> User {
        User {
            id: UserId(7),
            username: "mina".to_owned(),
            display_name: "Mina".to_owned(),
            role: InstanceRole::User,
            kind: "human".to_owned(),
            locale: "ko".to_owned(),
            status_text: String::new(),
            is_deleted: false,
            created_at: Millis(0),
        }
    }

    fn body() -> Body {
        Body {
            sub: UserId(7),
            sid: DeviceId(3),
            kind: "human".to_owned(),
            role: InstanceRole::Admin,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: 0,
            exp: Millis::now().0 / 1_000 + 60,
        }
    }

    fn signed(body: &Body, algorithm: Algorithm, key: &[u8]) -> String {
        encode(&Header::new(algorithm), body, &EncodingKey::from_secret(key)).unwrap()
    }

    fn code(token: &str) -> ErrorCode {
        tokens().check(token).unwrap_err().code
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let now = Millis::now();
        let token = tokens().issue(&user(), DeviceId(3), now).unwrap();
        let claims = tokens().check(&token).unwrap();
        assert_eq!((claims.user, claims.device), (UserId(7), DeviceId(3)));
        assert!((now.0..=now.0 + 60_000).contains(&claims.until.0));
    }

    #[test]
    fn a_token_of_a_revoked_sign_in_is_dead() {
        let tokens = tokens();
        let token = tokens.issue(&user(), DeviceId(3), Millis::now()).unwrap();
        tokens.revoke(&[DeviceId(4)]);
        assert!(tokens.check(&token).is_ok());
        tokens.revoke(&[DeviceId(3)]);
        assert_eq!(tokens.check(&token).unwrap_err().code, ErrorCode::Unauthorized);
    }

    #[test]
    fn sign_ins_are_forgotten_when_their_tokens_have_run_out() {
        let tokens = Tokens::new(KEY, Duration::from_secs(60));
        tokens.revoked.write().unwrap().insert(DeviceId(1), Millis(Millis::now().0 - 1));
        tokens.revoke(&[DeviceId(2)]);
        assert!(!tokens.is_revoked(DeviceId(1)));
        assert!(tokens.is_revoked(DeviceId(2)));
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        use base64::Engine;
        use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

        let claims = BASE64.encode(serde_json::to_vec(&body()).unwrap());
        for header in [r#"{"alg":"none","typ":"JWT"}"#, r#"{"alg":"None"}"#, "{}"] {
            let header = BASE64.encode(header);
            assert_eq!(code(&format!("{header}.{claims}.")), ErrorCode::Unauthorized);
        }
        let good = signed(&body(), Algorithm::HS256, KEY);
        let (content, _signature) = good.rsplit_once('.').unwrap();
        assert_eq!(code(&format!("{content}.")), ErrorCode::Unauthorized);
    }

    #[test]
    fn another_algorithm_or_key_is_refused() {
        assert!(tokens().check(&signed(&body(), Algorithm::HS256, KEY)).is_ok());
        assert_eq!(code(&signed(&body(), Algorithm::HS512, KEY)), ErrorCode::Unauthorized);
        let other = b"another key of thirty-two bytes, too";
        assert_eq!(code(&signed(&body(), Algorithm::HS256, other)), ErrorCode::Unauthorized);
    }

    #[test]
    fn a_wrong_issuer_or_audience_is_refused() {
        let issuer = Body { iss: "elsewhere".to_owned(), ..body() };
        assert_eq!(code(&signed(&issuer, Algorithm::HS256, KEY)), ErrorCode::Unauthorized);
        let audience = Body { aud: "others".to_owned(), ..body() };
        assert_eq!(code(&signed(&audience, Algorithm::HS256, KEY)), ErrorCode::Unauthorized);
    }

    #[test]
    fn an_old_token_is_expired_and_nothing_else() {
        let old = Body { exp: Millis::now().0 / 1_000 - 60, ..body() };
        assert_eq!(code(&signed(&old, Algorithm::HS256, KEY)), ErrorCode::TokenExpired);
        let forged = signed(&old, Algorithm::HS256, b"not the key");
        assert_eq!(code(&forged), ErrorCode::Unauthorized);
    }

    #[test]
    fn a_pass_is_no_token_and_a_token_is_no_pass() {
        let now = Millis::now();
        let pass = tokens().pass(now).unwrap();
        assert!(tokens().is_pass(&pass));
        assert_eq!(code(&pass), ErrorCode::Unauthorized);
        let token = tokens().issue(&user(), DeviceId(3), now).unwrap();
        assert!(!tokens().is_pass(&token));
        assert!(!tokens().is_pass(&tokens().pass(Millis(now.0 - 60_000)).unwrap()), "it ran out");
        let other = Tokens::new(b"another key of thirty-two bytes, too", Duration::from_secs(60));
        assert!(!other.is_pass(&pass));
    }

    #[test]
    fn rubbish_is_refused() {
        for odd in ["", ".", "..", "a.b.c", "Bearer x"] {
            assert_eq!(code(odd), ErrorCode::Unauthorized, "{odd}");
        }
    }
}
