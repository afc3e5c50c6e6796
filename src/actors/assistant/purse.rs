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
        let wanted = (i64::from(request.limits.tokens()), least);
        let wish = (number(estimate_request(request)), wanted, price(settings, request));
        let reserved = store.reserve_ai(spender, wish, &settings.budgets, settings.today()).await?;
        Ok(reserved.map(|reserved| {
            request.limits.cap(u32::try_from(reserved.output).unwrap_or(u32::MAX));
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
        let used = in_vain.with(usage);
        let used = (number(used.input), number(used.output));
        let sum = (used.0.saturating_add(used.1), cost.unwrap_or(0));
        store.settle_ai(self.spender, self.reserved, sum).await?;
        Ok((used, cost))
    }
}

/// What models have read, and thought, that did not answer.
#[derive(Debug, Clone, Default)]
pub(super) struct InVain(Vec<(String, Usage)>);

impl InVain {
    /// Of those who were asked the models that may have read so many tokens.
    pub(super) fn of(tried: &[Tried], input: u64) -> Self {
        let used = |tried: &Tried| Some((tried.model.clone(), tried.used(input)?));
        Self(tried.iter().filter_map(used).collect())
    }

    /// Whether nobody has read anything in vain.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens of an answer, and theirs.
    pub(super) fn with(&self, usage: Usage) -> Usage {
        self.0.iter().fold(usage, |sum, (_model, used)| Usage {
            input: sum.input.saturating_add(used.input),
            output: sum.output.saturating_add(used.output),
        })
    }
}

/// What an answer costs, and what other models have used before it; none where no price is known.
pub(super) fn cost(
    prices: &Prices,
    (model, usage): (&str, Usage),
    in_vain: &InVain,
) -> Option<i64> {
    let in_vain = in_vain.0.iter().map(|(model, used)| prices.cost(model, *used));
    let known = in_vain.chain([prices.cost(model, usage)]).flatten();
    known.reduce(u64::saturating_add).map(number)
}

/// What a million tokens cost at most, read and written: any of the models may have to answer.
pub(super) fn price(settings: &AssistantSettings, request: &Request) -> (i64, i64) {
    let prices = settings.models.models(request).filter_map(|model| settings.prices.of(&model));
    prices.fold((0, 0), |(input, output), price| {
        (input.max(number(price.input)), output.max(number(price.output)))
    })
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
    use crate::llm::{LlmError, Price, Spent};

    #[test]
    fn who_read_it_in_vain_is_paid_too() {
        let price = |input, output| Price { input, output };
        let prices = Prices::new([
            ("dear".to_owned(), price(10_000_000, 20_000_000)),
            ("cheap".to_owned(), price(1_000_000, 2_000_000)),
        ]);
        let usage = Usage { input: 100, output: 10 };
        let cost = |model, usage, tried: &[(&str, LlmError, u64)]| {
            let tried = tried.iter().map(|(model, error, thoughts)| Tried {
                provider: "scripted",
                model: (*model).to_owned(),
                error: *error,
                tries: 1,
                spent: Spent { counted: None, thoughts: *thoughts },
            });
            let in_vain = InVain::of(&tried.collect::<Vec<_>>(), 90);
            let Usage { input, output } = in_vain.with(Usage::default());
            (cost(&prices, (model, usage), &in_vain), (input, output))
        };
        let (read, unread) = (LlmError::BrokenOff, LlmError::Unreachable);
        let nothing = Usage::default();
        assert_eq!(cost("cheap", usage, &[]), (Some(120), (0, 0)));
        assert_eq!(cost("cheap", usage, &[("dear", unread, 0)]), (Some(120), (0, 0)));
        assert_eq!(cost("cheap", usage, &[("dear", read, 0)]), (Some(1_020), (90, 0)));
        let both = [("dear", read, 0), ("cheap", read, 0)];
        assert_eq!(cost("offline", nothing, &both), (Some(990), (180, 0)));
        assert_eq!(cost("offline", nothing, &[("free", read, 0)]), (None, (90, 0)));
        // Who has thought has read, whatever came then.
        let failing = LlmError::Failing(500);
        assert_eq!(cost("cheap", usage, &[("dear", failing, 7)]), (Some(1_160), (90, 7)));
    }

    #[test]
    fn what_is_put_aside_is_enough_for_the_dearest() {
        use std::sync::Arc;

        use crate::llm::{Chain, ChatModel, ScriptedModel, Timing};

        let model = |name: &str| {
            Arc::new(ScriptedModel::saying(name, |_| String::new())) as Arc<dyn ChatModel>
        };
        let models = vec![model("cheap"), model("dear"), model("free")];
        let price = |input, output| Price { input, output };
        let prices = Prices::new([
            ("dear".to_owned(), price(5, 50)),
            ("cheap".to_owned(), price(10, 20)),
            ("of nobody".to_owned(), price(1_000, 1_000)),
        ]);
        let models = Arc::new(Chain::new(models, false, Timing::default()));
        let settings = AssistantSettings { models, prices, ..AssistantSettings::default() };
        let request = Request::new(String::new(), String::new());
        assert_eq!(super::price(&settings, &request), (10, 50));
    }
}
