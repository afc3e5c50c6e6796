//! A picture as lines of text. Pure.

use super::picture::{Actor, Picture, Totals};

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";

/// What has waited longer is shown in yellow, and ten times that in red.
const SLOW_MS: f64 = 50.0;

/// Columns of the name; those of the numbers are as wide as their heads.
const NAME: usize = 24;

/// The whole page: at most `rows` lines, each at most `columns` wide.
pub(super) fn page(
    title: &str,
    picture: &Picture,
    before: Option<&Picture>,
    rows: usize,
    columns: usize,
) -> Vec<String> {
    let Picture { actors, .. } = picture;
    let cpu = before.and_then(|before| cpu(picture, before));
    let mut lines = vec![format!("{BOLD}moim top{PLAIN} · {title}")];
    lines.extend(totals(&actors.totals, cpu));
    lines.push(String::new());
    let head = "ACTOR";
    lines.push(format!(
        "{BOLD}{head:<NAME$}  {:>13}  {:>9}  {:>9}  {:>11}  MORE{PLAIN}",
        "WAITING", "A SECOND", "OLDEST", "HANDLED"
    ));
    let mut rooms = Vec::new();
    for branch in &actors.root.children {
        lines.push(row(0, branch));
        let below = if branch.kind == "rooms" { &mut rooms } else { &mut lines };
        below.extend(branch.children.iter().map(|child| row(1, child)));
    }
    if !rooms.is_empty() {
        lines.push(String::new());
        lines.push(format!("{BOLD}ROOMS, the busiest first{PLAIN}"));
        lines.append(&mut rooms);
    }
    lines.truncate(rows);
    lines.iter().map(|line| cut(line, columns)).collect()
}

/// A line that cannot be overlooked.
pub(super) fn alarm(text: &str) -> String {
    format!("{RED}{}{PLAIN}", clean(text))
}

/// Hundredths of one processor between two pictures.
fn cpu(now: &Picture, before: &Picture) -> Option<f64> {
    let used = now.actors.totals.cpu_ms?.checked_sub(before.actors.totals.cpu_ms?)?;
    let passed = now.actors.at.checked_sub(before.actors.at).filter(|ms| *ms > 0)?;
    Some(used as f64 * 100.0 / passed as f64)
}

fn totals(totals: &Totals, cpu: Option<f64>) -> [String; 3] {
    let per_second = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), rate_text);
    let crashes = totals.room_restarts + totals.set_aside;
    let colour = if crashes > 0 { YELLOW } else { "" };
    [
        format!(
            "sessions {}   streams {}   rooms awake {}   messages waiting {}",
            whole(totals.connections.unsigned_abs()),
            whole(totals.streams.unsigned_abs()),
            whole(totals.rooms_awake.unsigned_abs()),
            whole(totals.waiting)
        ),
        format!(
            "a second: lines {}   deliveries {}   appends {}   commits {}",
            per_second(totals.lines_per_second),
            per_second(totals.deliveries_per_second),
            per_second(totals.appends_per_second),
            per_second(totals.commits_per_second)
        ),
        format!(
            "memory {}   processor {}   {colour}room restarts {}   messages set aside {}{PLAIN}",
            totals.memory_bytes.map_or_else(|| "–".to_owned(), bytes),
            cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.0} %")),
            totals.room_restarts,
            totals.set_aside
        ),
    ]
}

fn row(level: usize, actor: &Actor) -> String {
    let name = pad(&format!("{}{}", "  ".repeat(level), clean(&actor.name)), NAME);
    let waiting = match (actor.depth, actor.capacity) {
        (Some(depth), Some(capacity)) => format!("{}/{capacity}", whole(depth)),
        (Some(depth), None) => whole(depth),
        // Without a mailbox there are no numbers to stand under others.
        (None, _) => return format!("{name}  {DIM}{}{PLAIN}", more(actor)),
    };
    let oldest = actor.oldest_ms.filter(|ms| *ms > 0.0);
    let colour = colour(actor.depth, actor.capacity, oldest);
    let text = format!(
        "{name}  {waiting:>13}  {:>9}  {:>9}  {:>11}",
        actor.per_second.map_or_else(String::new, rate_text),
        oldest.map_or_else(String::new, span),
        actor.handled.map_or_else(String::new, whole),
    );
    let restarts = match actor.restarts {
        0 => String::new(),
        count => format!("{RED}restarts {count}{PLAIN} "),
    };
    format!("{colour}{text}{PLAIN}  {restarts}{DIM}{}{PLAIN}", more(actor))
}

/// What only its kind has.
fn more(actor: &Actor) -> String {
    if let Some(rooms) = &actor.rooms {
        let rate =
            rooms.per_second.map_or_else(String::new, |rate| format!(" {}/s,", rate_text(rate)));
        return format!(
            "{} awake:{rate} {} waiting, oldest {}, {} seats",
            whole(rooms.awake),
            whole(rooms.depth),
            span(rooms.oldest_ms),
            whole(rooms.seats.unsigned_abs())
        );
    }
    if let Some(room) = &actor.room {
        let (seats, head) = (room.seats.unsigned_abs(), room.head.unsigned_abs());
        let (seats, head, ring) = (whole(seats), whole(head), bytes(room.ring_bytes));
        return format!("{} {seats} seats, head {head}, {ring} kept", clean(&room.id));
    }
    if let Some(lane) = &actor.lane {
        let commits = lane.commits_per_second.map_or_else(|| "–".to_owned(), rate_text);
        return format!("{commits} commits/s, {} being written", whole(lane.batch));
    }
    if let Some(worker) = &actor.worker {
        let rate = worker.deliveries_per_second.map_or_else(|| "–".to_owned(), rate_text);
        return format!(
            "{} sessions, {} streams, {} logs open, {rate} deliveries/s, {} waiting, {} lag",
            whole(worker.sessions),
            whole(worker.streams),
            whole(worker.opened),
            bytes(worker.outbox_bytes),
            whole(worker.lagging)
        );
    }
    if let Some(session) = &actor.session {
        let waits = bytes(session.outbox_bytes);
        return format!("{} {waits} waiting, {}", clean(&session.user_id), clean(&session.mode));
    }
    if actor.kind == "worker" { "did not answer".to_owned() } else { String::new() }
}

fn colour(depth: Option<u64>, capacity: Option<u64>, oldest_ms: Option<f64>) -> &'static str {
    let oldest = oldest_ms.unwrap_or(0.0);
    let is_full = |part: u64| depth.zip(capacity).is_some_and(|(d, c)| c > 0 && d * part >= c);
    if oldest >= SLOW_MS * 10.0 || is_full(1) {
        RED
    } else if oldest >= SLOW_MS || is_full(2) {
        YELLOW
    } else {
        ""
    }
}

/// A whole number with its thousands apart.
fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn rate_text(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 { format!("{rate:.1}") } else { whole(rate.round() as u64) }
}

fn span(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.0} s", ms / 1_000.0),
    }
}

fn bytes(count: u64) -> String {
    let count = count as f64;
    match count {
        few if few < 1e3 => format!("{few} B"),
        some if some < 1e6 => format!("{:.1} kB", some / 1e3),
        many if many < 1e9 => format!("{:.1} MB", many / 1e6),
        lots => format!("{:.1} GB", lots / 1e9),
    }
}

/// A name must not move the cursor.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Columns of a letter: Hangul and its like take two.
fn width(letter: char) -> usize {
    match u32::from(letter) {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff => 2,
        0x20000..=0x3fffd => 2,
        _narrow => 1,
    }
}

/// Exactly so many columns.
fn pad(text: &str, columns: usize) -> String {
    let mut used = 0;
    let mut padded = String::new();
    for letter in text.chars() {
        if used + width(letter) > columns {
            break;
        }
        used += width(letter);
        padded.push(letter);
    }
    padded.extend(std::iter::repeat_n(' ', columns - used));
    padded
}

/// No more than so many columns; colours take none.
fn cut(line: &str, columns: usize) -> String {
    let (mut used, mut is_colour, mut text) = (0, false, String::new());
    for letter in line.chars() {
        if letter == '\x1b' {
            is_colour = true;
        } else if !is_colour {
            used += width(letter);
        }
        if is_colour || used <= columns {
            text.push(letter);
        }
        is_colour &= letter != 'm';
    }
    text
}

/// The same line for a file.
pub(super) fn without_colour(line: &str) -> String {
    let (mut is_colour, mut text) = (false, String::new());
    for letter in line.chars() {
        is_colour |= letter == '\x1b';
        if !is_colour {
            text.push(letter);
        }
        is_colour &= letter != 'm';
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(text: &str) -> Picture {
        Picture { actors: serde_json::from_str(text).unwrap(), text: text.to_owned() }
    }

    fn lines(text: &str, rows: usize, columns: usize) -> Vec<String> {
        let lines = page("here", &picture(text), None, rows, columns);
        lines.iter().map(|line| without_colour(line)).collect()
    }

    const TREE: &str = r#"{"at":1,"totals":{"connections":1234,"deliveries_per_second":4.25,"cpu_ms":50},
        "root":{"kind":"root","children":[
            {"name":"Rooms","kind":"rooms","depth":0,"capacity":9,"rooms":{"awake":2},"children":[
                {"name":"가나 다","kind":"room","depth":512,"capacity":1024,"oldest_ms":612.0,"restarts":2,
                 "room":{"id":"r_1","seats":3,"head":4096,"ring_bytes":2048}}]},
            {"name":"Journal","kind":"journal","unheard_of":true,"children":[{"name":"Lane 1","kind":"lane","lane":{"batch":7}}]},
            {"name":"Worker 1","kind":"worker"}]}}"#;

    #[test]
    fn the_tree_comes_first_and_then_the_rooms() {
        let lines = lines(TREE, 50, 200);
        assert_eq!(lines[0], "moim top · here");
        assert!(lines[1].contains("sessions 1,234"), "{lines:?}");
        assert!(lines[2].contains("deliveries 4.2 ") && lines[2].contains("lines –"), "{lines:?}");
        let first =
            |name: &str| lines.iter().position(|line| line.trim().starts_with(name)).unwrap();
        assert!(first("Rooms") < first("Journal") && first("Journal") < first("Lane 1"));
        assert!(first("Worker 1") < first("ROOMS") && first("ROOMS") < first("가나 다"));
        let room = &lines[first("가나 다")];
        for part in ["512/1024", "612 ms", "restarts 2", "r_1 3 seats, head 4,096, 2.0 kB kept"] {
            assert!(room.contains(part), "{room}");
        }
        assert!(lines[first("Worker 1")].ends_with("did not answer"));
    }

    #[test]
    fn a_page_keeps_to_its_screen() {
        let lines = lines(TREE, 7, 40);
        assert_eq!(lines.len(), 7);
        let columns = |line: &String| line.chars().map(width).sum::<usize>();
        assert!(lines.iter().all(|line| columns(line) <= 40), "{lines:?}");
    }

    #[test]
    fn what_waits_long_is_coloured() {
        assert_eq!(colour(Some(1), Some(9), Some(1.0)), "");
        assert_eq!(colour(Some(1), Some(9), Some(60.0)), YELLOW);
        assert_eq!(colour(Some(5), Some(9), None), YELLOW);
        assert_eq!(colour(Some(9), Some(9), None), RED);
        assert_eq!(colour(None, None, Some(501.0)), RED);
    }

    #[test]
    fn the_processor_is_told_between_two_pictures() {
        let at = |at: i64, cpu: u64| {
            picture(&format!(r#"{{"at":{at},"totals":{{"cpu_ms":{cpu}}},"root":{{}}}}"#))
        };
        assert_eq!(cpu(&at(2_000, 1_500), &at(1_000, 1_000)), Some(50.0));
        assert_eq!(cpu(&at(1_000, 1_500), &at(1_000, 1_000)), None);
        assert_eq!(cpu(&at(2_000, 10), &at(1_000, 1_000)), None, "it was started again");
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.0, 0.4, 9.96, 12.3, 1_500.0].map(rate_text),
            ["0", "0.4", "10.0", "12", "1,500"]
        );
        assert_eq!([0.3, 25.0, 12_000.0].map(span), ["0.3 ms", "25 ms", "12 s"]);
        assert_eq!([5, 2_500, 7_000_000].map(bytes), ["5 B", "2.5 kB", "7.0 MB"]);
        assert_eq!(clean("a\x1b[2Jb\n"), "a?[2Jb?");
    }
}
