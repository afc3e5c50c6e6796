//! The rooms of the table, who asks in them, and who watches: what all cells share.

use std::cell::{Cell as Count, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::super::mock::SOUND;
use super::super::witness::Witness;
use super::rows::{Act, Cell, ROWS, Row, State};
use super::tap::Tap;
use crate::endpoint::Endpoint;
use crate::http::{Http, Refused};
use crate::scenario::ai::provider::question;
use crate::setup::{self, User, text_at};

/// Between two looks at what was heard.
const LOOK: Duration = Duration::from_millis(2);

/// A room, for one fault and one act.
struct Place {
    id: String,
    model: RefCell<String>,
}

pub(super) struct Hall {
    pub endpoint: Endpoint,
    pub tap: Tap,
    pub witness: Witness,
    pub owner: User,
    /// Who only listens: openings count against a user's calls.
    pub watcher: User,
    club: String,
    /// One for each act, so that no limit of a user is met.
    askers: Vec<User>,
    /// Who are put out, one after the other.
    guests: RefCell<Vec<User>>,
    guest: RefCell<Option<User>>,
    cells: Vec<Cell>,
    /// A question is over by then.
    pub patience: Duration,
    places: HashMap<(&'static str, Act), Place>,
    count: Count<u64>,
}

/// A question that was taken.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub number: u64,
    pub run: String,
    pub message: String,
}

impl Hall {
    pub(super) async fn found(
        endpoint: &Endpoint,
        name: &str,
        tap: Tap,
        (cells, guests): (Vec<Cell>, usize),
        patience: Duration,
    ) -> Result<Rc<Self>> {
        let acts = Act::ALL.len();
        let mut names: Vec<_> = cells.iter().map(|cell| (cell.row.name, cell.act)).collect();
        names.sort_unstable();
        names.dedup();
        let mut users = setup::register(endpoint, name, 2 + acts + guests).await?;
        let owner = users.pop().context("nobody is there")?;
        let club = setup::make_club(endpoint, &owner, name, names.len()).await?;
        let id = club.id.clone();
        setup::join(endpoint, &users, move |_| id.clone()).await?;
        let watcher = users.pop().context("nobody is there")?;
        let place = |id| Place { id, model: RefCell::new(String::new()) };
        let places = names.into_iter().zip(club.rooms.iter().cloned().map(place)).collect();
        let witness = Witness::start(endpoint, &watcher.token, club.rooms.clone());
        Ok(Rc::new(Self {
            endpoint: endpoint.clone(),
            tap,
            witness,
            owner,
            watcher,
            club: club.id,
            guests: RefCell::new(users.split_off(acts)),
            guest: RefCell::default(),
            askers: users,
            cells,
            patience,
            places,
            count: Count::new(0),
        }))
    }

    /// The cells of a state and an act.
    pub(super) fn cells(&self, state: State, act: Act) -> Vec<Cell> {
        let is_meant = |cell: &&Cell| (cell.state, cell.act) == (state, act);
        self.cells.iter().filter(is_meant).copied().collect()
    }

    /// The rows of which there are cells.
    pub(super) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(|row| self.cells.iter().any(|cell| cell.row.name == row.name))
    }

    pub(super) fn http(&self) -> Http {
        Http::new(self.endpoint.clone())
    }

    pub(super) fn room(&self, cell: &Cell) -> Result<String> {
        Ok(self.place(cell)?.id.clone())
    }

    fn place(&self, cell: &Cell) -> Result<&Place> {
        self.places.get(&(cell.row.name, cell.act)).context("a cell without a room")
    }

    /// Who asks in a cell.
    pub(super) fn asker(&self, cell: &Cell) -> Result<User> {
        if cell.act == Act::Kick {
            return self.guest.borrow().clone().context("no guest");
        }
        let at = Act::ALL.iter().position(|act| *act == cell.act);
        at.and_then(|at| self.askers.get(at)).cloned().context("an act without an asker")
    }

    /// Lets the next guest in.
    pub(super) fn next_guest(&self) {
        *self.guest.borrow_mut() = self.guests.borrow_mut().pop();
    }

    /// Puts the guest out of the club.
    pub(super) async fn kick(&self) -> Result<()> {
        let guest = self.guest.borrow().clone().context("no guest")?;
        let path = format!("/v1/clubs/{}/members/{}/kick", self.club, guest.id);
        self.http().post(&path, Some(&self.owner.token), &json!({})).await?;
        Ok(())
    }

    /// Chooses the model of a cell's room.
    pub(super) async fn choose(&self, cell: &Cell, model: &str) -> Result<()> {
        let place = self.place(cell)?;
        if *place.model.borrow() != model {
            self.set(&place.id, json!({"ai_model": model})).await?;
            model.clone_into(&mut place.model.borrow_mut());
        }
        Ok(())
    }

    /// Changes settings of a room.
    pub(super) async fn set(&self, room: &str, what: Value) -> Result<()> {
        self.http().patch(&format!("/v1/rooms/{room}"), &self.owner.token, &what).await?;
        Ok(())
    }

    /// Asks in a cell's room.
    pub(super) async fn ask(&self, cell: &Cell, number: u64) -> Result<Taken> {
        let (room, asker) = (self.room(cell)?, self.asker(cell)?);
        let body = json!({"text": question(number), "cid": format!("q-{number}")});
        let path = format!("/v1/rooms/{room}/ai");
        let taken = self.http().post(&path, Some(&asker.token), &body).await?;
        let (run, message) = (text_at(&taken, "/run")?, text_at(&taken, "/message")?);
        Ok(Taken { number, run, message })
    }

    /// Has an answer go on, or the question asked again where there is nothing to go on with.
    pub(super) async fn again(&self, cell: &Cell, taken: &Taken) -> Result<Taken> {
        self.choose(cell, SOUND).await?;
        let (asker, mut http) = (self.asker(cell)?, self.http());
        let call = |what: &str| format!("/v1/ai/runs/{}/{what}", taken.run);
        let token = Some(asker.token.as_str());
        let asked = match http.post(&call("continue"), token, &json!({})).await {
            Err(why) if why.downcast_ref::<Refused>().is_some_and(|no| no.status == 409) => {
                http.post(&call("retry"), token, &json!({})).await?
            }
            asked => asked?,
        };
        Ok(Taken { run: text_at(&asked, "/run")?, ..taken.clone() })
    }

    /// The number of a question.
    pub(super) fn next(&self) -> u64 {
        self.count.update(|count| count + 1);
        self.count.get()
    }

    /// Whether the end of a run was heard.
    pub(super) fn is_over(&self, taken: &Taken) -> bool {
        self.witness.shown(&taken.run).ends > 0
    }

    /// Waits for something that is heard; false when it is not by then.
    pub(super) async fn until(&self, limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        while !holds() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(LOOK).await;
        }
        true
    }
}
