//! What an answer costs.

use std::collections::BTreeMap;

use super::answer::Usage;

/// A sum in millionths of a US dollar.
pub type MicroUsd = u64;

/// What a model costs, in micro-USD for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// For what it reads.
    pub input: MicroUsd,
    /// For what it writes.
    pub output: MicroUsd,
}

impl Price {
    /// The cost of these tokens, rounded up.
    #[must_use]
    pub fn cost(self, usage: Usage) -> MicroUsd {
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = part(usage.input, self.input).saturating_add(part(usage.output, self.output));
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// The table of prices.
#[derive(Debug, Clone, Default)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// A table of models and what they cost.
    #[must_use]
    pub fn new(prices: impl IntoIterator<Item = (String, Price)>) -> Self {
        Self(prices.into_iter().collect())
    }

    /// What a model costs; none for one without a price.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<Price> {
        self.0.get(model).copied()
    }

    /// The cost of a run; none for a model without a price.
    #[must_use]
    pub fn cost(&self, model: &str, usage: Usage) -> Option<MicroUsd> {
        self.0.get(model).map(|price| price.cost(usage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_up_and_never_overflows() {
        let prices = Prices::new([("m".to_owned(), Price { input: 150_000, output: 600_000 })]);
        let of = |input, output| prices.cost("m", Usage { input, output });
        assert_eq!(of(1_000_000, 1_000_000), Some(750_000));
        assert_eq!(of(1, 0), Some(1));
        assert_eq!(of(0, 0), Some(0));
        assert_eq!(prices.cost("other", Usage::default()), None);
        let dear = Price { input: u64::MAX, output: u64::MAX };
        assert_eq!(dear.cost(Usage { input: u64::MAX, output: u64::MAX }), u64::MAX);
    }
}
