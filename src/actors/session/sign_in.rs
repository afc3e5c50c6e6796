//! Who a session is: sign-in, by token in the handshake or in the first line, and fresh tokens.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::Context;

use super::{Claims, Session};
use crate::actors::lookup::{Welcome, nobody};
use crate::actors::relay::Signed;
use crate::domain::Millis;
use crate::protocol::{
    Announced, AuthOk, CloseCode, Empty, ErrorCode, Frame, Refusal, Want, ok_line,
};

/// Clocks of nodes and clients differ a little.
const LEEWAY: Duration = Duration::from_secs(30);

/// How the session learns that it is signed in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// It asked, perhaps with an id.
    ByReply(Option<u32>),
    /// Its token came with the handshake.
    ByEvent,
}

impl Session {
    /// The op `auth`.
    pub(super) fn auth(
        &mut self,
        re: Option<u32>,
        token: &str,
        want: Want,
        context: &mut Context<Self>,
    ) {
        if self.user.is_some() {
            return self.bad_line(re, "this session has signed in already");
        }
        let Some(learning) = self.worker.shared.tokens.learn(token) else {
            let checked = self.worker.shared.tokens.check(token);
            return self.admit(re, checked, want, context);
        };
        let (tokens, token) = (Arc::clone(&self.worker.shared.tokens), token.to_owned());
        self.wait_for(context, learning, move |session, learnt, context| {
            let checked = learnt.and_then(|()| tokens.check(&token));
            session.admit(re, checked, want, context);
        });
    }

    fn admit(
        &mut self,
        re: Option<u32>,
        checked: Result<Claims, Refusal>,
        want: Want,
        context: &mut Context<Self>,
    ) {
        match checked {
            Ok(claims) => self.sign_in(claims, want, Told::ByReply(re), context),
            Err(refusal) => {
                self.refuse(re, &refusal);
                // Nobody knows whether the token is good: the client comes back with it.
                let is_unknown = refusal.code == ErrorCode::Unavailable;
                self.close(if is_unknown { CloseCode::Shutdown } else { CloseCode::TokenMissing });
            }
        }
    }

    /// Signs the session in as the holder of a checked token.
    pub(super) fn sign_in(
        &mut self,
        claims: Claims,
        want: Want,
        told: Told,
        context: &mut Context<Self>,
    ) {
        let shared = &self.worker.shared;
        if !shared.rooms.presence.admit(claims.user, shared.sessions_per_user) {
            return self.close(CloseCode::TooManySessions);
        }
        (self.user, self.is_bots) = (Some(claims.user), claims.is_bots);
        let until = self.seconds_until(claims.until);
        let Claims { user, device, .. } = claims;
        let session = Some(self.id);
        self.worker.relay.sign(self.seat, Signed { user, device, want, until, session });
        let asked = Rc::clone(&self.worker.arrivals).ask(user);
        self.wait_for(context, asked, move |session, found, _| {
            match found.as_deref().map(|found| found.get(&user)) {
                Ok(Some(welcome)) => session.welcome(welcome, told),
                Ok(None) => session.turn_away(&nobody(), told),
                Err(refusal) => session.turn_away(refusal, told),
            }
        });
    }

    /// The op `auth.refresh`: the session may stay until the fresh token ends.
    pub(super) fn auth_refresh(
        &mut self,
        re: Option<u32>,
        token: &str,
        context: &mut Context<Self>,
    ) {
        let Some(learning) = self.worker.shared.tokens.learn(token) else {
            return self.refresh(re, self.worker.shared.tokens.check(token));
        };
        let (tokens, token) = (Arc::clone(&self.worker.shared.tokens), token.to_owned());
        self.wait_for(context, learning, move |session, learnt, _| {
            session.refresh(re, learnt.and_then(|()| tokens.check(&token)));
        });
    }

    fn refresh(&mut self, re: Option<u32>, checked: Result<Claims, Refusal>) {
        match checked {
            Ok(claims) if self.user == Some(claims.user) => {
                let until = self.seconds_until(claims.until);
                self.worker.relay.stay(self.seat, until);
                if let Some(re) = re {
                    self.send(&ok_line(re, &Empty {}));
                }
            }
            Ok(_of_another) => {
                let refusal = Refusal::new(ErrorCode::Unauthorized, "the token of somebody else");
                self.refuse(re, &refusal);
            }
            Err(refusal) => self.refuse(re, &refusal),
        }
    }

    fn welcome(&mut self, welcome: &Welcome, told: Told) {
        let ok = AuthOk {
            user: &welcome.user,
            session: self.id,
            inbox: &welcome.inbox,
            rooms: &welcome.rooms,
        };
        match told {
            Told::ByReply(Some(re)) => self.send(&ok_line(re, &ok)),
            Told::ByReply(None) => {}
            Told::ByEvent => self.send(&Frame::json(&Announced { ok })),
        }
        self.worker.relay.settle(self.seat, &welcome.rooms);
        let rooms = welcome.rooms.iter().map(|room| room.room).collect();
        self.worker.arrivals.arrived(welcome.user.id, rooms, &welcome.status_text);
    }

    fn turn_away(&mut self, refusal: &Refusal, told: Told) {
        if let Told::ByReply(re) = told {
            self.refuse(re, refusal);
        }
        let gone = refusal.code == ErrorCode::Unauthorized;
        self.close(if gone { CloseCode::TokenMissing } else { CloseCode::Shutdown });
    }

    fn seconds_until(&self, until: Millis) -> u32 {
        let left = until.0.saturating_sub(Millis::now().0).max(0);
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        self.worker.relay.after(left + LEEWAY)
    }
}
