//! What the runs of a batch put aside and settle, written at its end.
//!
//! Everybody's questions are counted in one row, and who has changed it holds it until the commit. So
//! it is changed by the last statement of a transaction. How much is left is looked up before,
//! without a lock. When another transaction has used it meanwhile, this one is done again.

use std::collections::BTreeMap;

use super::spend::{self, Budget, Budgets, Reserved, Spending, Spent, Wanted};
use crate::domain::Day;
use crate::store::StoreError;
use crate::store::db::Conn;
use crate::store::given::{Bulk, Given, bulk};

/// Adds to the rows in the order in which everybody locks them.
const ADD: Bulk = bulk!(
    "INSERT INTO ai_spend (day, what, id, tokens, micro_usd, runs)
     SELECT given.day, given.what, given.id, given.tokens, given.micro_usd, given.runs FROM ",
    (day bigint, what text, id bigint, tokens bigint, micro_usd bigint, runs bigint),
    " WHERE TRUE ORDER BY given.day, given.what, given.id
      ON CONFLICT (day, what, id) DO UPDATE
         SET tokens = ai_spend.tokens + excluded.tokens,
             micro_usd = ai_spend.micro_usd + excluded.micro_usd,
             runs = ai_spend.runs + excluded.runs
      RETURNING day, what, id, tokens, micro_usd"
);

/// Who spends, and when: day, kind, id.
type Key = (i64, &'static str, i64);

/// What is to be added to one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    more: Spent,
    /// What others had used when something was put aside, and the budget that this was for.
    seen: Option<(Spent, Budget)>,
}

/// The runs of one batch.
#[derive(Debug, Default)]
pub(in crate::store) struct Ledger(BTreeMap<Key, Sum>);

impl Ledger {
    /// Puts aside what an answer may use; none when a budget has too little left.
    pub(in crate::store) async fn reserve(
        &mut self,
        conn: &mut Conn,
        who: Spending,
        (wanted, budgets): (Wanted, &Budgets),
        Day(day): Day,
    ) -> Result<Option<Reserved>, StoreError> {
        let seen = spend::seen(conn, who, day).await?;
        Ok(self.put_aside(who, (wanted, budgets), (seen, day)))
    }

    fn put_aside(
        &mut self,
        who: Spending,
        (wanted, budgets): (Wanted, &Budgets),
        (seen, day): ([Spent; 4], i64),
    ) -> Option<Reserved> {
        let mut spent = seen;
        for (spent, (what, id)) in spent.iter_mut().zip(who.keys()) {
            if let Some(sum) = self.0.get(&(day, what, id)) {
                *spent = spent.and(sum.more);
            }
        }
        let reserved = Reserved::of(wanted, budgets.left(who, spent, wanted)?, day);
        let Reserved { tokens, micro_usd, .. } = reserved;
        self.add(who, day, Spent { tokens, micro_usd, runs: 1 });
        for (seen, (what, id)) in seen.into_iter().zip(who.keys()) {
            if let Some(sum) = self.0.get_mut(&(day, what, id)) {
                sum.seen = sum.seen.or(Some((seen, budgets.of(what))));
            }
        }
        Some(reserved)
    }

    /// Puts what was really used in place of what was put aside: on which day, and how much of both.
    pub(in crate::store) fn settle(
        &mut self,
        who: Spending,
        (day, tokens, micro_usd): (i64, i64, i64),
        used: (i64, i64),
    ) {
        self.add(who, day, Spent::instead((tokens, micro_usd), used));
    }

    fn add(&mut self, who: Spending, day: i64, more: Spent) {
        for (what, id) in who.keys().into_iter().filter(|(_what, id)| *id >= 0) {
            let sum = self.0.entry((day, what, id)).or_default();
            sum.more = sum.more.and(more);
        }
    }

    /// Writes it down: the last thing to do before the commit.
    ///
    /// # Errors
    /// [`StoreError::Overtaken`] when others have used meanwhile what was put aside here.
    pub(in crate::store) async fn write(self, conn: &mut Conn) -> Result<(), StoreError> {
        let (keys, sums) = (|| self.0.keys(), || self.0.values());
        let given = Given::new()
            .ints(keys().map(|(day, ..)| *day))
            .texts(keys().map(|(_day, what, _id)| *what))
            .ints(keys().map(|(.., id)| *id))
            .ints(sums().map(|sum| sum.more.tokens))
            .ints(sums().map(|sum| sum.more.micro_usd))
            .ints(sums().map(|sum| sum.more.runs));
        let rows: Vec<(i64, String, i64, i64, i64)> = conn.given_all(&ADD, given).await?;
        for (day, what, id, tokens, micro_usd) in rows {
            let now = Spent { tokens, micro_usd, runs: 0 };
            let known = |(key, _sum): &(&Key, &Sum)| **key == (day, what.as_str(), id);
            if self.0.iter().find(known).is_some_and(|(_key, sum)| sum.is_overtaken(now)) {
                return Err(StoreError::Overtaken);
            }
        }
        Ok(())
    }
}

impl Sum {
    /// Whether a budget is used up, and not by this batch alone, now that its own part is in it. What
    /// was decided on what is there now stands, as much as it may have turned out to be.
    fn is_overtaken(&self, now: Spent) -> bool {
        let Some((seen, budget)) = self.seen else { return false };
        let is_over = |limit: i64, now: i64, own: i64, seen: i64| {
            limit != 0 && now > limit && now - own > seen
        };
        is_over(budget.tokens, now.tokens, self.more.tokens, seen.tokens)
            || is_over(budget.micro_usd, now.micro_usd, self.more.micro_usd, seen.micro_usd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RoomId, UserId};

    const DAY: i64 = 7;

    fn who(user: i64) -> Spending {
        Spending { user: UserId(user), room: Some(RoomId(3)), club: None }
    }

    fn budgets(all: i64) -> Budgets {
        Budgets { all: Budget { tokens: all, micro_usd: 0 }, ..Budgets::default() }
    }

    fn wanted() -> Wanted {
        Wanted { input: 100, output: (900, 50), price: (0, 0) }
    }

    fn spent(tokens: i64) -> Spent {
        Spent { tokens, ..Spent::default() }
    }

    #[test]
    fn what_a_batch_has_put_aside_is_not_there_for_its_next_run() {
        let mut ledger = Ledger::default();
        let mut output = |user| {
            let kept =
                ledger.put_aside(who(user), (wanted(), &budgets(1_500)), ([spent(0); 4], DAY));
            kept.map(|kept| kept.output)
        };
        assert_eq!((output(1), output(2), output(3)), (Some(900), Some(400), None));
        ledger.settle(who(1), (DAY, 1_000, 0), (200, 0));
        let kept = ledger.put_aside(who(4), (wanted(), &budgets(1_500)), ([spent(0); 4], DAY));
        assert_eq!(kept.map(|kept| kept.output), Some(700));
    }

    #[test]
    fn only_what_others_have_used_meanwhile_overtakes() {
        let mut ledger = Ledger::default();
        let seen = [spent(500); 4];
        ledger.put_aside(who(1), (wanted(), &budgets(1_500)), (seen, DAY)).unwrap();
        let all = ledger.0[&(DAY, "all", 0)];
        assert!(!all.is_overtaken(spent(1_500)), "as it was seen");
        assert!(all.is_overtaken(spent(1_501)), "somebody else was faster");
        // An answer that was longer than it should be is its own affair.
        ledger.settle(who(1), (DAY, 0, 0), (10_000, 0));
        assert!(!ledger.0[&(DAY, "all", 0)].is_overtaken(spent(11_500)));
        assert!(!ledger.0[&(DAY, "user", 1)].is_overtaken(spent(99_999)), "no budget");
    }

    #[tokio::test]
    async fn no_statement_reads_a_whole_table() {
        crate::store::plans::check(&[&ADD]).await;
    }
}
