//! Charts as inline SVG. Colours are those of the page, so a chart follows light and dark.

use std::fmt::Write as _;

use super::scale::{End, Scale, short};
use super::text;
use crate::chart::{Chart, Line, NINES};
use crate::report::median;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 42.0;
/// More points than this are drawn as the least and the most of each piece.
const MOST_POINTS: usize = 1_200;
/// Up to so many points of a line each get a dot that tells its value.
const DOTS: usize = 40;
/// More uprights than this would be a wall.
const MOST_STARTS: usize = 60;

/// The sign of a line in the legend.
pub(super) fn key(at: usize) -> String {
    format!(
        "<svg viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line {}\" d=\"M1 4H23\"{}/></svg>",
        class(at),
        dash(at)
    )
}

fn class(at: usize) -> String {
    let first = if at == 0 { " first" } else { "" };
    format!("c{}{first}", at % 8)
}

/// Colours alone do not tell every reader the lines apart.
fn dash(at: usize) -> &'static str {
    match at {
        0..=2 => "",
        3..=5 => " stroke-dasharray=\"6 4\"",
        _ => " stroke-dasharray=\"2 4\"",
    }
}

pub(super) fn draw(chart: &Chart) -> String {
    let points = || chart.lines.iter().flat_map(|line| line.points.iter());
    let x = Scale::new(&chart.x, End::AtLast, points().map(|(x, _)| *x));
    let y = Scale::new(&chart.y, End::AtTick, points().map(|(_, y)| *y));
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        text(&chart.title)
    );
    grid(&mut out, chart, &x, &y);
    starts(&mut out, chart, &x);
    // The first line, which is what it is all about, lies on top.
    for (at, line) in chart.lines.iter().enumerate().rev() {
        curve(&mut out, chart, line, at, (&x, &y));
    }
    out.push_str("</svg>\n");
    out
}

fn across(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn up(place: f64) -> f64 {
    HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)
}

fn grid(out: &mut String, chart: &Chart, x: &Scale, y: &Scale) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for (value, word) in y.ticks() {
        let Some(at) = y.place(value).map(up) else { continue };
        let _ = writeln!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{word}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (value, word) in x.ticks() {
        let Some(at) = x.place(value).map(across) else { continue };
        let anchor = if at > right - 12.0 { "end" } else { "middle" };
        let _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{at:.1} {bottom}v4\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{word}</text>",
            bottom + 18.0
        );
    }
    let _ = writeln!(
        out,
        "<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/>\
         <text x=\"0\" y=\"12\">{}</text>\
         <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        named(&chart.y.label, chart.y.unit),
        HEIGHT - 6.0,
        named(&chart.x.label, chart.x.unit)
    );
}

/// An upright where a line begins anew, unless there are more than can be told apart.
fn starts(out: &mut String, chart: &Chart, x: &Scale) {
    let all: Vec<f64> = chart.lines.iter().flat_map(|line| &line.starts).copied().collect();
    if all.len() > MOST_STARTS {
        return;
    }
    for at in all.into_iter().filter_map(|at| x.place(at)).map(across) {
        let bottom = HEIGHT - BOTTOM;
        let _ = writeln!(out, "<path class=\"start\" d=\"M{at:.1} {TOP}V{bottom}\"/>");
    }
}

fn named(label: &str, unit: &str) -> String {
    if unit.is_empty() || unit == NINES { text(label) } else { text(&format!("{label}, {unit}")) }
}

fn curve(out: &mut String, chart: &Chart, line: &Line, at: usize, (x, y): (&Scale, &Scale)) {
    let thin = thinned(&line.points);
    let place = |(a, b): &(f64, f64)| Some((across(x.place(*a)?), up(y.place(*b)?)));
    let mut path = String::new();
    let gap = if chart.x.unit == "s" { pause(&thin) } else { f64::INFINITY };
    let mut before = f64::NEG_INFINITY;
    for point in &thin {
        let Some((a, b)) = place(point) else { continue };
        let is_anew = line.starts.iter().any(|start| before < *start && *start <= point.0);
        let is_apart = is_anew || point.0 - before > gap || path.is_empty();
        // A way of no length: a point that stands alone is a dot.
        let (letter, dot) = if is_apart { ('M', "h0") } else { ('L', "") };
        let _ = write!(path, "{letter}{a:.1} {b:.1}{dot}");
        before = point.0;
    }
    let class = class(at);
    if thin.len() > 1 {
        let _ = writeln!(out, "<path class=\"line {class}\" d=\"{path}\"{}/>", dash(at));
    }
    if thin.len() > DOTS {
        return;
    }
    for point in &thin {
        let Some((a, b)) = place(point) else { continue };
        let _ = writeln!(
            out,
            "<circle class=\"{class}\" cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"3\">\
             <title>{}: {} {} at {}</title></circle>",
            text(&line.label),
            short(point.1),
            text(chart.y.unit),
            where_on(chart, point.0)
        );
    }
}

/// Points of a time that lie further apart than this have a time between them in which nothing was
/// measured, and no line.
fn pause(points: &[(f64, f64)]) -> f64 {
    let apart = |pair: &[(f64, f64)]| Some(pair.get(1)?.0 - pair.first()?.0);
    let steps: Vec<f64> = points.windows(2).filter_map(apart).collect();
    median(&steps).map_or(f64::INFINITY, |step| 3.0 * step)
}

fn where_on(chart: &Chart, value: f64) -> String {
    if chart.x.unit == NINES {
        return format!("{:.3} %", 100.0 * (1.0 - 1.0 / value));
    }
    format!("{} {}", short(value), text(chart.x.unit))
}

/// Few enough points to draw, with every peak and every valley still there.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let piece = points.len().div_ceil(MOST_POINTS / 2);
    let ends = |piece: &[(f64, f64)]| {
        let least = piece.iter().min_by(|a, b| a.1.total_cmp(&b.1)).copied();
        let most = piece.iter().max_by(|a, b| a.1.total_cmp(&b.1)).copied();
        let mut ends: Vec<_> = least.into_iter().chain(most).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends
    };
    points.chunks(piece).flat_map(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Axis;

    #[test]
    fn thinning_keeps_the_peaks() {
        let mut points: Vec<_> = (0..10_000).map(|at| (f64::from(at), 1.0)).collect();
        points[4_321].1 = 99.0;
        let thin = thinned(&points);
        assert!(thin.len() <= MOST_POINTS + 2, "{}", thin.len());
        assert!(thin.contains(&(4_321.0, 99.0)));
    }

    #[test]
    fn no_line_crosses_a_time_in_which_nothing_was_measured() {
        let points = [0.0, 1.0, 2.0, 9.0, 10.0].map(|at| (at, 5.0)).to_vec();
        let (x, y) = (Axis::linear("time", "s"), Axis::linear("p99", "ms"));
        let lines = vec![Line::new("p99", points)];
        let drawing = draw(&Chart { name: "p99", title: "p99".to_owned(), x, y, lines });
        let line = drawing.lines().find(|line| line.contains("class=\"line")).unwrap();
        let path = line.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 3), "{path}");
    }

    #[test]
    fn no_line_leads_from_one_life_to_the_next() {
        let points = [0.0, 1.0, 2.0, 3.0].map(|at| (at, 5.0)).to_vec();
        let (x, y) = (Axis::linear("time", "s"), Axis::linear("memory", "MiB"));
        let lines = vec![Line { starts: vec![1.5, 2.5], ..Line::new("server", points) }];
        let drawing = draw(&Chart { name: "m", title: "m".to_owned(), x, y, lines });
        let line = drawing.lines().find(|line| line.contains("class=\"line")).unwrap();
        let path = line.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (3, 1), "{path}");
        assert_eq!(drawing.matches("class=\"start\"").count(), 2);
    }

    #[test]
    fn every_line_is_drawn_within_the_picture() {
        let lines = vec![
            Line::new("one", vec![(1.0, 5.0), (10.0, 50.0)]),
            Line::new("dot", vec![(3.0, 7.0), (4.0, 0.0)]),
        ];
        let (x, y) = (Axis::log("rate", "1/s"), Axis::log("p99", "ms"));
        let drawing = draw(&Chart { name: "p99", title: "p99".to_owned(), x, y, lines });
        assert_eq!(drawing.matches("<path class=\"line").count(), 2);
        assert_eq!(drawing.matches("<circle").count(), 3);
        assert!(!drawing.contains("NaN") && !drawing.contains("inf"), "{drawing}");
    }
}
