//! What a user says of how they are, over the socket.

use actix::Context;

use super::Session;
use crate::domain::{Availability, UserId, limits, optional_text};
use crate::protocol::{Empty, ErrorCode, Refusal, ok_line};
use crate::store::StoreError;

impl Session {
    /// The op `status`: whether to be spoken to, by this session; a text, for the person.
    pub(super) fn status(
        &mut self,
        user: UserId,
        re: Option<u32>,
        state: Option<&str>,
        text: Option<&str>,
        context: &mut Context<Self>,
    ) {
        let state = match state.map(str::parse::<Availability>).transpose() {
            Ok(state) => state,
            Err(why) => return self.refuse(re, &invalid("state", why)),
        };
        let text = match text.map(|text| optional_text(text, limits::STATUS_CHARS)).transpose() {
            Ok(text) => text,
            Err(why) => return self.refuse(re, &invalid("text", why)),
        };
        if let Some(state) = state {
            self.has_said = true;
            self.worker.shared.rooms.presence.says(user, self.id, state);
        }
        let Some(text) = text else {
            return self.said(re, Ok(()));
        };
        let rooms = self.worker.shared.rooms.clone();
        let kept = async move { rooms.set_status_text(user, &text).await };
        self.wait_for(context, kept, move |session, kept, _| session.said(re, kept));
    }

    fn said(&self, re: Option<u32>, kept: Result<(), StoreError>) {
        match (kept, re) {
            (Ok(()), Some(re)) => self.send(&ok_line(re, &Empty {})),
            (Ok(()), None) => {}
            (Err(why), re) => {
                tracing::error!("a status could not be kept: {why}");
                let refusal = Refusal::new(ErrorCode::Unavailable, "the store does not answer");
                self.refuse(re, &refusal.retry_in(std::time::Duration::from_secs(1)));
            }
        }
    }
}

fn invalid(field: &'static str, why: impl std::fmt::Display) -> Refusal {
    Refusal::of_field(ErrorCode::Invalid, field, why)
}
