//! A report as one page that needs nothing but itself: no network, no script.

mod scale;
mod svg;

use std::fmt::Write as _;

use serde_json::Value;

use crate::chart::Chart;
use crate::report::{Report, readable};
use crate::table::{Table, cell};

const STYLE: &str = include_str!("page.css");

/// The whole page. `raw` is the name of the file beside it that holds the raw data.
pub(crate) fn html(report: &Report, raw: &str) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let (scenario, server) = (text(report.scenario), text(&report.server));
    let verdict = match report.goals.0.iter().all(|(_, goal)| goal.is_met) {
        _ if !report.passed => ("bad", "failed"),
        true => ("good", "passed"),
        false => ("fair", "passed its checks, missed a goal"),
    };
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{scenario} · {server}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>{scenario} <span class=\"{}\">{}</span></h1>\n<p>{server} · {} · {}</p>\n\
         <p class=\"options\">{}</p>\n</header>\n",
        verdict.0,
        verdict.1,
        text(&report.date()),
        text(&report.machine.text()),
        options(report),
    );
    goals(&mut out, report);
    checks(&mut out, report);
    for note in &report.notes {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", text(note));
    }
    if !report.charts.is_empty() {
        out.push_str("<section class=\"charts\" aria-label=\"Charts\">\n");
        report.charts.iter().for_each(|chart| figure(&mut out, chart));
        out.push_str("</section>\n");
    }
    report.tables.iter().for_each(|one| table(&mut out, one));
    figures(&mut out, report);
    let _ = write!(
        out,
        "<footer>Raw data: <a href=\"{0}\">{0}</a> · seed {1}</footer>\n</main>\n</body>\n</html>\n",
        text(raw),
        report.seed
    );
    out
}

fn options(report: &Report) -> String {
    let shown = |(name, value): (&String, &Value)| {
        format!("<span><b>{}</b> {}</span>", text(name), text(&plain(value)))
    };
    report.options.iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn goals(out: &mut String, report: &Report) {
    if report.goals.0.is_empty() {
        return;
    }
    out.push_str("<section class=\"goals\" aria-label=\"Goals\">\n");
    for (name, goal) in &report.goals.0 {
        let (class, word) = match (goal.is_met, goal.is_required) {
            (true, _) => ("good", "met"),
            (false, true) => ("bad", "missed, and required"),
            (false, false) => ("bad", "missed"),
        };
        let (value, limit) = (readable(goal.value), readable(goal.limit));
        let unit = text(goal.unit);
        let _ = writeln!(
            out,
            "<div><h2>{}</h2><p class=\"value\">{value} {unit}</p>\
             <p>goal ≤ {limit} {unit} <span class=\"{class}\">{word}</span></p>{}</div>",
            text(name),
            Some(&goal.beside)
                .filter(|beside| !beside.is_empty())
                .map(|beside| format!("<p>{}</p>", text(beside)))
                .unwrap_or_default()
        );
    }
    out.push_str("</section>\n");
}

fn checks(out: &mut String, report: &Report) {
    if report.checks.0.is_empty() {
        return;
    }
    out.push_str("<section aria-label=\"Checks\">\n<h2>Checks</h2>\n<ul class=\"checks\">\n");
    for (name, check) in &report.checks.0 {
        let class = if check.count == 0 { "good" } else { "bad" };
        let count = check.count;
        let _ = write!(out, "<li><span class=\"{class}\">{count}</span> {}", text(name));
        if !check.examples.is_empty() {
            out.push_str("<ul>");
            for example in &check.examples {
                let _ = write!(out, "<li>{}</li>", text(example));
            }
            out.push_str("</ul>");
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n</section>\n");
}

fn figure(out: &mut String, chart: &Chart) {
    let _ = write!(out, "<figure>\n<figcaption>{}</figcaption>\n", text(&chart.title));
    if chart.lines.len() > 1 {
        out.push_str("<ul class=\"legend\">");
        for (at, line) in chart.lines.iter().enumerate() {
            let key = svg::key(at);
            let _ = write!(out, "<li>{key} {}</li>", text(&line.label));
        }
        out.push_str("</ul>\n");
    }
    out.push_str(&svg::draw(chart));
    out.push_str("</figure>\n");
}

fn table(out: &mut String, table: &Table) {
    let _ = write!(
        out,
        "<section>\n<h2>{}</h2>\n<div class=\"wide\"><table>\n<thead><tr>",
        text(&table.title)
    );
    for column in &table.columns {
        let _ = write!(out, "<th scope=\"col\">{}</th>", text(column));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (at, value) in row.iter().enumerate() {
            let value = text(&cell(value));
            let _ = if at == 0 {
                write!(out, "<th scope=\"row\">{value}</th>")
            } else {
                write!(out, "<td>{value}</td>")
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn figures(out: &mut String, report: &Report) {
    out.push_str(
        "<section>\n<h2>Figures</h2>\n<div class=\"wide\"><table class=\"figures\">\n<tbody>\n",
    );
    for (name, figure) in &report.figures.0 {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"unit\">{}</td><td class=\"about\">{}</td></tr>",
            text(name),
            readable(figure.value),
            text(figure.unit),
            text(figure.about)
        );
    }
    out.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// Text that may stand in markup and in attributes.
fn text(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Line};

    #[test]
    fn the_page_shows_everything_and_escapes_what_others_wrote() {
        let mut report = Report::new("fanout", &["ratio"], &[], 7).unwrap();
        report.server = "moim/<script>".to_owned();
        report.figure("ratio", 1.2, "×", "about");
        report.goal("ratio", 1.2, 1.25, "×");
        report.check("lost", 1, vec!["seq 7 & 8".to_owned()]);
        report.note("a \"note\"");
        let mut rows = Table::new("sides", "Sides", &["side", "µs"]);
        rows.row("raw", [Some(3.0)]);
        report.table(rows);
        let (x, y) = (Axis::linear("time", "s"), Axis::linear("CPU", "%"));
        let lines = vec![Line::new("a<b", vec![(0.0, 1.0), (1.0, 2.0)]), Line::new("c", vec![])];
        report.chart(Chart { name: "cpu", title: "CPU".to_owned(), x, y, lines });
        let page = html(&report, "fanout-1.json");
        for part in [
            "moim/&lt;script&gt;",
            "seq 7 &amp; 8",
            "a &quot;note&quot;",
            "a&lt;b",
            "<svg",
            "</svg>",
            "failed",
            ">met<",
            "<td>3</td>",
            "href=\"fanout-1.json\"",
        ] {
            assert!(page.contains(part), "{part} is not in the page");
        }
        assert!(!page.contains("<script"));
    }
}
