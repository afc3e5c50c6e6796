//! What may be used in a day, and what was. What stands in a log is counted by `ledger.rs`.

use crate::domain::{ClubId, Day, RoomId, UserId};
use crate::store::db::{Conn, Sql, execute, fetch_all, fetch_optional};
use crate::store::{Store, StoreError};

pub(super) const DAY_MS: i64 = 86_400_000;

/// How much may be used in a day; zero is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Tokens.
    pub tokens: i64,
    /// Money, in micro-USD.
    pub micro_usd: i64,
}

/// By whom and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budgets {
    /// By one user.
    pub user: Budget,
    /// In one room.
    pub room: Budget,
    /// In one club.
    pub club: Budget,
    /// By all.
    pub all: Budget,
}

/// What is put aside for one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Of which day.
    pub day: i64,
    /// Tokens that may be written.
    pub output: i64,
    /// All tokens.
    pub tokens: i64,
    /// Money.
    pub micro_usd: i64,
}

/// What was used in a day, or is to be added to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Tokens, put aside ones among them.
    pub tokens: i64,
    /// Money.
    pub micro_usd: i64,
    /// Answers.
    pub runs: i64,
}

/// Who spends, where.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Spending {
    pub(in crate::store) user: UserId,
    pub(in crate::store) room: Option<RoomId>,
    pub(in crate::store) club: Option<ClubId>,
}

/// What an answer wants.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Wanted {
    pub(in crate::store) input: i64,
    pub(in crate::store) output: (i64, i64),
    pub(in crate::store) price: (i64, i64),
}

impl Spending {
    /// In the order in which their rows are locked: the row of all first, so that nobody who has
    /// another one waits for it.
    pub(super) fn keys(self) -> [(&'static str, i64); 4] {
        let club = self.club.map_or(-1, |club| club.0);
        let room = self.room.map_or(-1, |room| room.0);
        [("all", 0), ("club", club), ("room", room), ("user", self.user.0)]
    }
}

impl Budgets {
    pub(super) fn of(&self, what: &str) -> Budget {
        match what {
            "user" => self.user,
            "room" => self.room,
            "club" => self.club,
            _all => self.all,
        }
    }

    /// How many tokens an answer may write when so much is spent, by [`Spending::keys`]; none when a
    /// budget has too little left.
    pub(super) fn left(&self, who: Spending, spent: [Spent; 4], wanted: Wanted) -> Option<i64> {
        let rest = |limit: i64, spent: i64| if limit == 0 { i64::MAX } else { limit - spent };
        let left = |((what, _id), spent): ((&'static str, i64), Spent)| {
            let Budget { tokens, micro_usd } = self.of(what);
            Budget {
                tokens: rest(tokens, spent.tokens),
                micro_usd: rest(micro_usd, spent.micro_usd),
            }
        };
        let left: Vec<Budget> = who.keys().into_iter().zip(spent).map(left).collect();
        wanted.fits(&left)
    }
}

impl Reserved {
    /// An answer with so many tokens to write.
    pub(super) fn of(wanted: Wanted, output: i64, day: i64) -> Self {
        Self { day, output, tokens: wanted.input + output, micro_usd: wanted.cost(output) }
    }
}

impl Spent {
    /// Both together.
    pub(super) const fn and(self, more: Self) -> Self {
        Self {
            tokens: self.tokens + more.tokens,
            micro_usd: self.micro_usd + more.micro_usd,
            runs: self.runs + more.runs,
        }
    }

    /// The change that puts what was really used in place of what was put aside.
    pub(super) const fn instead(aside: (i64, i64), used: (i64, i64)) -> Self {
        Self { tokens: used.0 - aside.0, micro_usd: used.1 - aside.1, runs: 0 }
    }
}

impl Wanted {
    fn cost(self, output: i64) -> i64 {
        let part = |tokens: i64, price: i64| i128::from(tokens) * i128::from(price);
        let sum = part(self.input, self.price.0) + part(output, self.price.1);
        i64::try_from((sum + 999_999) / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Tokens that may be written, if these budgets have so much left; none if it is too little.
    fn fits(self, left: &[Budget]) -> Option<i64> {
        let (most, least) = self.output;
        let tokens = left.iter().map(|left| left.tokens).min().unwrap_or(i64::MAX);
        let output = most.min(tokens.saturating_sub(self.input));
        let money = left.iter().map(|left| left.micro_usd).min().unwrap_or(i64::MAX);
        let spare = money.saturating_sub(self.cost(0));
        let by_money = match self.price.1 {
            0 => {
                if spare >= 0 {
                    most
                } else {
                    0
                }
            }
            price => {
                i64::try_from(i128::from(spare) * 1_000_000 / i128::from(price)).unwrap_or(most)
            }
        };
        Some(output.min(by_money)).filter(|output| *output >= least)
    }
}

const SPENT: Sql = Sql {
    sqlite: "SELECT what, tokens, micro_usd FROM ai_spend WHERE day = $1
               AND (what, id) IN (VALUES ('user', $2), ('room', $3), ('club', $4), ('all', 0))",
    postgres: "SELECT what, tokens, micro_usd FROM ai_spend WHERE day = $1
               AND (what, id) IN (VALUES ('user', $2), ('room', $3), ('club', $4), ('all', 0))
               ORDER BY what, id FOR NO KEY UPDATE",
};

/// The same for who only looks: nobody waits for them.
const LOOK: Sql = Sql { sqlite: SPENT.sqlite, postgres: SPENT.sqlite };

/// Puts aside what an answer may use; none when a budget has too little left.
async fn reserve(
    conn: &mut Conn,
    who: Spending,
    (wanted, budgets): (Wanted, &Budgets),
    Day(day): Day,
) -> Result<Option<Reserved>, StoreError> {
    let spent = spent(conn, SPENT, who, day).await?;
    let Some(output) = budgets.left(who, spent, wanted) else { return Ok(None) };
    let reserved = Reserved::of(wanted, output, day);
    let Reserved { tokens, micro_usd, .. } = reserved;
    add(conn, day, who, Spent { tokens, micro_usd, runs: 1 }).await?;
    Ok(Some(reserved))
}

/// What was used by each who spends, by [`Spending::keys`], as everybody may see it at this moment.
pub(super) async fn seen(
    conn: &mut Conn,
    who: Spending,
    day: i64,
) -> Result<[Spent; 4], StoreError> {
    spent(conn, LOOK, who, day).await
}

async fn spent(
    conn: &mut Conn,
    spent: Sql,
    who: Spending,
    day: i64,
) -> Result<[Spent; 4], StoreError> {
    let [_all, (_, club), (_, room), (_, user)] = who.keys();
    let rows = fetch_all!(conn, (String, i64, i64), spent, day, user, room, club)?;
    Ok(who.keys().map(|(what, _id)| {
        let known = rows.iter().find(|(known, ..)| known == what);
        let (tokens, micro_usd) = known.map_or((0, 0), |(_, tokens, usd)| (*tokens, *usd));
        Spent { tokens, micro_usd, runs: 0 }
    }))
}

async fn add(conn: &mut Conn, day: i64, who: Spending, more: Spent) -> Result<(), StoreError> {
    for (what, id) in who.keys() {
        if id < 0 {
            continue;
        }
        execute!(
            conn,
            "INSERT INTO ai_spend (day, what, id, tokens, micro_usd, runs)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (day, what, id) DO UPDATE
                SET tokens = ai_spend.tokens + excluded.tokens,
                    micro_usd = ai_spend.micro_usd + excluded.micro_usd,
                    runs = ai_spend.runs + excluded.runs",
            day,
            what,
            id,
            more.tokens,
            more.micro_usd,
            more.runs
        )?;
    }
    Ok(())
}

impl Store {
    /// What was used on a day: by a user, in a room, and by all.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ai_spent(
        &self,
        (user, room): (UserId, Option<RoomId>),
        day: Day,
    ) -> Result<[Spent; 3], StoreError> {
        let mut conn = self.db.read().await?;
        let rows = fetch_all!(
            conn,
            (String, i64, i64, i64),
            "SELECT what, tokens, micro_usd, runs FROM ai_spend WHERE day = $1
                AND (what, id) IN (VALUES ('user', $2), ('room', $3), ('all', 0))",
            day.0,
            user.0,
            room.map_or(-1, |room| room.0)
        )?;
        let of = |what: &str| {
            let row = rows.iter().find(|(known, ..)| known == what);
            row.map_or(Spent::default(), |(_, tokens, micro_usd, runs)| Spent {
                tokens: *tokens,
                micro_usd: *micro_usd,
                runs: *runs,
            })
        };
        Ok([of("user"), of("room"), of("all")])
    }

    /// What was used in a club on a day.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ai_spent_in_club(&self, club: ClubId, day: Day) -> Result<Spent, StoreError> {
        let mut conn = self.db.read().await?;
        let row = fetch_optional!(
            conn,
            (i64, i64, i64),
            "SELECT tokens, micro_usd, runs FROM ai_spend
              WHERE day = $1 AND what = 'club' AND id = $2",
            day.0,
            club.0
        )?;
        let spent = |(tokens, micro_usd, runs)| Spent { tokens, micro_usd, runs };
        Ok(row.map(spent).unwrap_or_default())
    }

    /// Puts aside what an answer may use that stands in no log; none when a budget is used up.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reserve_ai(
        &self,
        (user, room, club): (UserId, Option<RoomId>, Option<ClubId>),
        (input, output, price): (i64, (i64, i64), (i64, i64)),
        budgets: &Budgets,
        day: Day,
    ) -> Result<Option<Reserved>, StoreError> {
        let mut tx = self.db.begin().await?;
        let wanted = Wanted { input, output, price };
        let done = reserve(&mut tx, Spending { user, room, club }, (wanted, budgets), day).await;
        tx.end(done).await
    }

    /// Whether the budgets have enough left for an answer. Nothing is put aside.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn could_reserve_ai(
        &self,
        (user, room, club): (UserId, Option<RoomId>, Option<ClubId>),
        (input, output, price): (i64, (i64, i64), (i64, i64)),
        budgets: &Budgets,
        Day(day): Day,
    ) -> Result<bool, StoreError> {
        let mut conn = self.db.read().await?;
        let wanted = Wanted { input, output, price };
        let who = Spending { user, room, club };
        Ok(budgets.left(who, seen(&mut conn, who, day).await?, wanted).is_some())
    }

    /// Puts what such an answer really used in place of what was put aside.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn settle_ai(
        &self,
        (user, room, club): (UserId, Option<RoomId>, Option<ClubId>),
        reserved: Reserved,
        used: (i64, i64),
    ) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        let change = Spent::instead((reserved.tokens, reserved.micro_usd), used);
        let done = add(&mut tx, reserved.day, Spending { user, room, club }, change).await;
        tx.end(done).await
    }

    /// Forgets what was used on days before one, the oldest first and at most so many rows. True
    /// when there may be more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_spent(&self, before: Day, most: u32) -> Result<bool, StoreError> {
        let mut conn = self.db.write().await?;
        let gone = execute!(
            conn,
            "DELETE FROM ai_spend WHERE (day, what, id) IN (
                 SELECT day, what, id FROM ai_spend WHERE day < $1 ORDER BY day, what, id LIMIT $2)",
            before.0,
            i64::from(most)
        )?;
        Ok(gone >= u64::from(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_gets_what_is_left_or_nothing() {
        let wanted = Wanted { input: 100, output: (2_000, 50), price: (1_000_000, 2_000_000) };
        let left = |tokens, micro_usd| wanted.fits(&[Budget { tokens, micro_usd }]);
        assert_eq!(left(i64::MAX, i64::MAX), Some(2_000));
        assert_eq!(left(1_000, i64::MAX), Some(900));
        assert_eq!(left(149, i64::MAX), None);
        assert_eq!(left(-5, i64::MAX), None);
        assert_eq!(left(i64::MAX, 300), Some(100));
        assert_eq!(left(i64::MAX, 99), None);
        assert_eq!(wanted.cost(1), 102);
        let free = Wanted { price: (0, 0), ..wanted };
        assert_eq!(free.fits(&[Budget { tokens: i64::MAX, micro_usd: 0 }]), Some(2_000));
    }
}
