//! What is put aside before a model is asked for something that stands in no log, and what of it was
//! used in the end; prices of all that is asked.

use super::message::AssistantSettings;
use crate::domain::{ClubId, RoomId, UserId};
use crate::llm::{Prices, Request, Tried, Usage, estimate_request};
use crate::protocol::{ErrorCode, Refusal};
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
        let wanted = (i64::from(request.limits.output_tokens), least);
        let wish = (number(estimate_request(request)), wanted, price(settings, request));
        let reserved = store.reserve_ai(spender, wish, &settings.budgets, settings.today()).await?;
        Ok(reserved.map(|reserved| {
            request.limits.output_tokens = u32::try_from(reserved.output).unwrap_or(u32::MAX);
            Self { spender, reserved }
        }))
    }

    /// Puts what was really used in its place; gives that, and what it costs, where a price is known.
    pub(super) async fn settle(
        self,
        (store, settings): (&Store, &AssistantSettings),
        (model, usage): (&str, Usage),
        in_vain: &InVain,
    ) -> Result<((i64, i64), Option<i64>), StoreError> {
        let cost = cost(&settings.prices, (model, usage), in_vain);
        let used = (number(usage.input.saturating_add(in_vain.tokens())), number(usage.output));
        let sum = (used.0.saturating_add(used.1), cost.unwrap_or(0));
        store.settle_ai(self.spender, self.reserved, sum).await?;
        Ok((used, cost))
    }
}

/// What models have read that did not answer.
#[derive(Debug, Clone, Default)]
pub(super) struct InVain {
    models: Vec<String>,
    /// Tokens that each of them has read.
    input: u64,
}

impl InVain {
    /// Of those who were asked the models that may have read so many tokens.
    pub(super) fn of(tried: &[Tried], input: u64) -> Self {
        let read_by = tried.iter().filter(|tried| tried.error.may_have_cost());
        Self { models: read_by.map(|tried| tried.model.clone()).collect(), input }
    }

    /// Tokens of them all.
    pub(super) fn tokens(&self) -> u64 {
        self.input.saturating_mul(self.models.len() as u64)
    }
}

/// What an answer costs, and that other models have read the question before it; none where no price
/// is known.
pub(super) fn cost(
    prices: &Prices,
    (model, usage): (&str, Usage),
    in_vain: &InVain,
) -> Option<i64> {
    let read = Usage { input: in_vain.input, output: 0 };
    let in_vain = in_vain.models.iter().map(|model| prices.cost(model, read));
    let known = in_vain.chain([prices.cost(model, usage)]).flatten();
    known.reduce(u64::saturating_add).map(number)
}

/// What a million tokens cost, read and written, of the model that is asked first.
pub(super) fn price(settings: &AssistantSettings, request: &Request) -> (i64, i64) {
    let model = settings.models.first_model(request).unwrap_or_default();
    let price = settings.prices.of(&model).unwrap_or_default();
    (number(price.input), number(price.output))
}

/// A budget is used up.
pub(super) fn no_budget(settings: &AssistantSettings) -> Refusal {
    Refusal::new(ErrorCode::AiBudget, "the assistant's budget of today is used up")
        .retry_in(settings.until_tomorrow())
}

/// A count as the store keeps it.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{LlmError, Price};

    #[test]
    fn who_read_it_in_vain_is_paid_too() {
        let price = |input, output| Price { input, output };
        let prices = Prices::new([
            ("dear".to_owned(), price(10_000_000, 20_000_000)),
            ("cheap".to_owned(), price(1_000_000, 2_000_000)),
        ]);
        let usage = Usage { input: 100, output: 10 };
        let cost = |model, usage, tried: &[(&str, LlmError)]| {
            let tried = tried.iter().map(|(model, error)| Tried {
                provider: "scripted",
                model: (*model).to_owned(),
                error: *error,
                tries: 1,
            });
            let in_vain = InVain::of(&tried.collect::<Vec<_>>(), 90);
            (cost(&prices, (model, usage), &in_vain), in_vain.tokens())
        };
        let (read, unread) = (LlmError::BrokenOff, LlmError::Unreachable);
        let nothing = Usage::default();
        assert_eq!(cost("cheap", usage, &[]), (Some(120), 0));
        assert_eq!(cost("cheap", usage, &[("dear", unread)]), (Some(120), 0));
        assert_eq!(cost("cheap", usage, &[("dear", read)]), (Some(1_020), 90));
        assert_eq!(cost("offline", nothing, &[("dear", read), ("cheap", read)]), (Some(990), 180));
        assert_eq!(cost("offline", nothing, &[("free", read)]), (None, 90));
    }
}
