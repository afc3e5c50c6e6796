//! Which cells of the table are tried.

use anyhow::{Result, bail, ensure};
use clap::Args;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use super::rows::{Act, Cell, ROWS, Row, State};

#[derive(Args)]
pub(in super::super) struct Choice {
    /// With --faults: only this row of the table, by its name; may be repeated
    #[arg(long, requires = "faults", conflicts_with = "kills", value_name = "NAME")]
    fault: Vec<String>,
    /// With --faults: only at this state of a run; may be repeated
    #[arg(long, value_enum, requires = "faults", conflicts_with = "kills")]
    state: Vec<State>,
    /// With --faults: only when this comes from outside; may be repeated
    #[arg(long, value_enum, requires = "faults", conflicts_with = "kills")]
    act: Vec<Act>,
    /// With --faults: only so many cells of these, chosen by --seed
    #[arg(long, requires = "faults", conflicts_with = "kills", value_name = "COUNT")]
    cells: Option<usize>,
}

impl Choice {
    /// The cells that are meant, in the order of the table.
    pub(super) fn cells(&self, seed: u64) -> Result<Vec<Cell>> {
        let rows = chosen(&self.fault)?;
        let states =
            State::ALL.iter().filter(|it| self.state.is_empty() || self.state.contains(it));
        let mut cells = Vec::new();
        for state in states {
            let acts = Act::ALL.iter().filter(|it| self.act.is_empty() || self.act.contains(it));
            for act in acts {
                cells.extend(rows.iter().filter_map(|row| Cell::of(row, *state, *act)));
            }
        }
        if let Some(count) = self.cells.filter(|count| *count < cells.len()) {
            let mut places: Vec<usize> = (0..cells.len()).collect();
            places.shuffle(&mut SmallRng::seed_from_u64(seed));
            places.truncate(count);
            places.sort_unstable();
            cells = places.into_iter().filter_map(|at| cells.get(at).copied()).collect();
        }
        ensure!(!cells.is_empty(), "there is no such cell");
        Ok(cells)
    }
}

/// The rows of these names, or all where none is named.
fn chosen(names: &[String]) -> Result<Vec<&'static Row>> {
    if let Some(odd) = names.iter().find(|name| ROWS.iter().all(|row| row.name != name.as_str())) {
        let known: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        bail!("no fault {odd:?} in the table; it has {}", known.join(", "));
    }
    let is_meant = |row: &&Row| names.is_empty() || names.iter().any(|name| name == row.name);
    Ok(ROWS.iter().filter(is_meant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(fault: &[&str], state: &[State], act: &[Act], cells: Option<usize>) -> Choice {
        let fault = fault.iter().map(|name| (*name).to_owned()).collect();
        Choice { fault, state: state.to_vec(), act: act.to_vec(), cells }
    }

    fn names(choice: &Choice, seed: u64) -> Vec<String> {
        choice.cells(seed).unwrap().iter().map(Cell::name).collect()
    }

    #[test]
    fn every_fault_has_its_cells_and_each_a_name_of_its_own() {
        let mut names = names(&choice(&[], &[], &[], None), 1);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        // 28 faults, 8 acts, 5 states, but for what cannot be.
        let speechless = ROWS.iter().filter(|row| row.is_speechless()).count();
        assert_eq!(count, 28 * 8 * 5 - 28 - speechless * 8);
    }

    #[test]
    fn cells_are_chosen_by_name() {
        let two = choice(&["429", "hangs"], &[State::Asked], &[Act::Stop], None);
        assert_eq!(
            names(&two, 1),
            ["hangs · provider asked · stop", "429 · provider asked · stop"]
        );
        assert!(choice(&["429", "418"], &[], &[], None).cells(1).is_err());
        let nothing = choice(&[], &[State::Queued], &[Act::Erase], None);
        assert!(nothing.cells(1).is_err(), "a run that waits has no answer to delete");
    }

    #[test]
    fn a_number_of_cells_is_chosen_by_the_seed() {
        let some = choice(&[], &[], &[], Some(150));
        let chosen = names(&some, 7);
        assert_eq!((chosen.len(), &chosen), (150, &names(&some, 7)));
        assert_ne!(chosen, names(&some, 8));
        for part in State::ALL.map(State::word).into_iter().chain(Act::ALL.map(Act::word)) {
            assert!(chosen.iter().any(|name| name.contains(part)), "{part}");
        }
        assert_eq!(names(&choice(&["429"], &[], &[], Some(1_000)), 7).len(), 31);
    }
}
