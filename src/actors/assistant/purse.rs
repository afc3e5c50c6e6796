//! What is put aside before a model is asked for something that stands in no log, and what of it was
//! used in the end.

use super::message::AssistantSettings;
use crate::domain::{ClubId, RoomId, UserId};
use crate::llm::{Request, Usage, estimate_request};
use crate::store::{Reserved, Store, StoreError};

/// Who asks, and where.
pub(super) type Spender = (UserId, Option<RoomId>, Option<ClubId>);

/// Tokens and money that were put aside.
pub(super) struct Purse {
    spender: Spender,
    reserved: Reserved,
}

impl Purse {
    /// Puts aside what a request may use, and has it write no more than there is; none when a budget
    /// has less left than it takes to read the request and to write `least` tokens.
    pub(super) async fn fill(
        (store, settings): (&Store, &AssistantSettings),
        spender: Spender,
        request: &mut Request,
        least: i64,
    ) -> Result<Option<Self>, StoreError> {
        let model = settings.models.first_model(request).unwrap_or_default();
        let price = settings.prices.of(&model).unwrap_or_default();
        let wanted = (i64::from(request.limits.output_tokens), least);
        let price = (number(price.input), number(price.output));
        let wish = (number(estimate_request(request)), wanted, price);
        let reserved = store.reserve_ai(spender, wish, &settings.budgets, settings.today()).await?;
        Ok(reserved.map(|reserved| {
            request.limits.output_tokens = u32::try_from(reserved.output).unwrap_or(u32::MAX);
            Self { spender, reserved }
        }))
    }

    /// Puts what was really used in its place; gives what that costs, where a price is known.
    pub(super) async fn settle(
        self,
        (store, settings): (&Store, &AssistantSettings),
        model: &str,
        usage: Usage,
    ) -> Result<Option<i64>, StoreError> {
        let cost = settings.prices.cost(model, usage).map(number);
        let used = (number(usage.input) + number(usage.output), cost.unwrap_or(0));
        store.settle_ai(self.spender, self.reserved, used).await?;
        Ok(cost)
    }
}

/// A count as the store keeps it.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
