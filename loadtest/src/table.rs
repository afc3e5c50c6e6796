//! Rows of figures that belong together.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::report::{readable, rounded};

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    /// Short, unique in a report, without blanks.
    pub name: &'static str,
    pub title: String,
    /// With their units.
    pub columns: Vec<String>,
    /// Numbers and texts; null where nothing was measured.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    pub(crate) fn new(name: &'static str, title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { name, title: title.into(), columns, rows: Vec::new() }
    }

    /// A row: what it is about, then its numbers.
    pub(crate) fn row(
        &mut self,
        about: impl Into<Value>,
        numbers: impl IntoIterator<Item = Option<f64>>,
    ) {
        let number = |number: Option<f64>| number.map_or(Value::Null, |n| rounded(n).into());
        let numbers = numbers.into_iter().map(number);
        self.rows.push(std::iter::once(about.into()).chain(numbers).collect());
    }

    /// For people, in columns of equal width.
    pub(crate) fn text(&self) -> String {
        let heads = self.columns.iter().map(|column| column.as_str().into()).collect::<Vec<_>>();
        let lines: Vec<Vec<String>> = std::iter::once(heads)
            .chain(self.rows.iter().map(|row| row.iter().map(cell).collect()))
            .collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut out = format!("{}\n", self.title);
        for line in &lines {
            out.push(' ');
            for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let _ = if at == 0 {
                    write!(out, " {cell:<width$}")
                } else {
                    write!(out, "  {cell:>width$}")
                };
            }
            out.push('\n');
        }
        out
    }
}

/// A cell for people.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.as_f64().map_or_else(|| other.to_string(), readable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new("sides", "Sides", &["side", "µs"]);
        table.row("server", [Some(3.456)]);
        table.row("raw", [None]);
        assert_eq!(table.text(), "Sides\n  side       µs\n  server  3.456\n  raw         –\n");
    }
}
