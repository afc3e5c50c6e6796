//! What the database has of people goes into the export of their own data, and what it has of clubs into
//! the file of a club, or it stands here why it does not.

use std::collections::BTreeSet;

use super::tree::{self, none};

/// Ids of other things than people. What else is a number and ends like an id may be somebody's.
const OTHERS: &[&str] = &[
    "audit_id",
    "club_id",
    "device_id",
    "file_id",
    "filter_id",
    "notice_id",
    "report_id",
    "room_id",
    "run_id",
];

/// Where a column stands that says who.
enum Place {
    /// In this part of the export of one's own data.
    Part(&'static str),
    /// In no part, because of this.
    Not(&'static str),
}
use Place::{Not, Part};

const SECRET: &str = "a way to sign in: what is left of it is in the sessions";
const OF_OTHERS: &str = "what others did, and theirs to export";
const MODERATION: &str = "the log of a club, a room or the instance, which those who run it read";
const CHORE: &str = "how far a chore is, not of a person";
const SHORT: &str = "kept for a moment or a day, to keep to a limit";

/// All columns that say who, with where one finds them in one's own export.
const OWN: &[(&str, Place)] = &[
    ("account.user_id", Part("profile")),
    ("ai_run.asker_id", Part("ai_questions")),
    ("ai_run.stop_by", Not("when an answer is to end, a time and nobody")),
    ("answer.user_id", Not("answers to calls that may be sent again, kept for a day")),
    ("audit.by_id", Not(MODERATION)),
    ("audit.user_id", Not(MODERATION)),
    ("block.blocked_id", Not("nobody is told who has blocked them")),
    ("block.user_id", Part("blocks")),
    ("bot.maker_id", Part("bots")),
    ("bot.user_id", Part("bots")),
    ("closing.by_id", Not(MODERATION)),
    ("closing.user_id", Not(CHORE)),
    ("club.owner_id", Part("clubs")),
    ("club_filter.made_by", Not(MODERATION)),
    ("device.user_id", Part("sessions")),
    ("erasure.by_id", Not("of an account that nobody can export any more")),
    ("erasure.user_id", Not("of an account that nobody can export any more")),
    ("fanout.user_id", Not(CHORE)),
    ("file.uploader_id", Part("uploads")),
    ("file_day.user_id", Not(SHORT)),
    ("inbox.user_id", Not("counts the notifications")),
    ("instance_audit.by_id", Not(MODERATION)),
    ("instance_audit.user_id", Not(MODERATION)),
    ("membership.user_id", Part("clubs")),
    ("mention.user_id", Not("counts messages of others, and makes a notification")),
    ("message.author_id", Part("messages")),
    ("notice.from_id", Not("the inboxes of others")),
    ("notice.user_id", Part("notifications")),
    ("pace.user_id", Not(SHORT)),
    ("pin.by_id", Part("pins")),
    ("reaction.user_id", Part("reactions")),
    ("report.author_id", Not(OF_OTHERS)),
    ("report.by_id", Part("reports")),
    ("report.decided_by", Not(MODERATION)),
    ("room.created_by", Part("rooms")),
    ("room.host_id", Part("rooms")),
    ("room.pair_high", Part("rooms")),
    ("room.pair_low", Part("rooms")),
    ("room_member.user_id", Part("rooms")),
    ("thread_member.user_id", Part("threads")),
    ("ticket.user_id", Not(SECRET)),
];

/// Where the parts of one's own export are read.
const OWN_SOURCES: &[&str] = &[
    "src/store/exports.rs",
    "src/store/exports/files.rs",
    "src/store/exports/places.rs",
    "src/store/accounts.rs",
    "src/store/assistant/own.rs",
    "src/store/blocks.rs",
    "src/store/bots.rs",
    "src/store/families.rs",
];

const ACCOUNTS: &str = "between people and the server, whichever clubs they are in";
const RUNS: &str = "what an answer cost and read; the answer itself is a message";
const INBOX: &str = "the inbox of somebody, who is told anew where the club goes on";
const MADE_ANEW: &str = "made anew from the messages";
const OUTSIDE: &str = "of rooms that belong to no club";

/// Of the tables of these columns, why the file of a club does not have them.
const NOT_MOVED: &[(&str, &str)] = &[
    ("ai_run", RUNS),
    ("answer", ACCOUNTS),
    ("block", ACCOUNTS),
    ("closing", "of clubs that have closed: nobody exports them"),
    ("device", ACCOUNTS),
    ("erasure", ACCOUNTS),
    ("fanout", CHORE),
    ("file_day", ACCOUNTS),
    ("inbox", INBOX),
    ("instance_audit", OUTSIDE),
    ("mention", "counts what is unread and calls somebody; that was where the club was"),
    ("notice", INBOX),
    ("pace", SHORT),
    ("thread_member", MADE_ANEW),
    ("ticket", ACCOUNTS),
];

/// The columns that say who, as `table.column`, from the text of migrations.
fn columns(migrations: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut table = "";
    for line in migrations.lines().map(|line| line.split("--").next().unwrap_or_default()) {
        let words: Vec<_> = line.split_whitespace().collect();
        let column = match words.as_slice() {
            ["CREATE", "TABLE", name, ..] => {
                table = name;
                continue;
            }
            ["ALTER", "TABLE", name, "ADD", "COLUMN", column, kind, ..] => {
                table = name;
                Some((*column, *kind))
            }
            [column, kind, ..] => Some((*column, *kind)),
            _neither => None,
        };
        let is_number = |kind: &str| kind.starts_with("BIGINT");
        if let Some((column, _kind)) = column.filter(|(_column, kind)| is_number(kind))
            && is_somebody(column, line)
        {
            found.insert(format!("{table}.{column}"));
        }
    }
    found
}

fn is_somebody(column: &str, line: &str) -> bool {
    let is_like = column.ends_with("_id") || column.ends_with("_by") || column.starts_with("pair_");
    line.contains("REFERENCES account") || (is_like && !OTHERS.contains(&column))
}

/// Whether some SQL reads a table.
fn reads(sources: &str, table: &str) -> bool {
    let words: Vec<_> = sources.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let is_named = |pair: &[&str]| matches!(pair, ["FROM" | "JOIN", name] if *name == table);
    words.windows(2).any(is_named)
}

/// Whether some SQL writes rows of a table.
fn writes(sources: &str, table: &str) -> bool {
    let words: Vec<_> = sources.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    words.windows(3).any(|three| three == ["INSERT", "INTO", table])
}

fn text(files: &[tree::Source]) -> String {
    files.iter().map(|file| file.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn of_people() -> BTreeSet<String> {
    columns(&text(&tree::below(&["migrations/postgres"], &[".sql"])))
}

fn table_of(column: &str) -> &str {
    column.split('.').next().unwrap_or_default()
}

#[test]
fn what_is_known_of_somebody_is_in_their_export_or_there_is_a_reason() {
    let columns = of_people();
    assert!(columns.len() > 30, "{columns:?}");
    let listed: BTreeSet<_> = OWN.iter().map(|(column, _place)| (*column).to_owned()).collect();
    assert_eq!(listed.len(), OWN.len(), "each once");
    let mut slips: Vec<_> = columns
        .difference(&listed)
        .map(|column| format!("{column} is in no part, and no reason says why"))
        .collect();
    slips.extend(listed.difference(&columns).map(|column| format!("there is no {column}")));
    let parts = tree::read("docs/protocol.md");
    let parts = parts.split("{format:\"moim-account\",").nth(1).unwrap_or_default();
    let parts: Vec<_> = parts.split('}').next().unwrap_or_default().split(',').collect();
    let sources = OWN_SOURCES.iter().map(|path| tree::read(path)).collect::<Vec<_>>().join("\n");
    for (column, place) in OWN {
        let table = table_of(column);
        match place {
            Part(part) if !parts.contains(part) => slips.push(format!("no part {part}: {column}")),
            Part(part) if !reads(&sources, table) => {
                slips.push(format!("{part} is not read from {table}"));
            }
            Not(why) if why.split(' ').count() < 3 => slips.push(format!("{column}: {why} why?")),
            Part(_) | Not(_) => {}
        }
    }
    none("one's own data", &slips);
}

#[test]
fn what_a_club_has_of_somebody_moves_with_it_or_there_is_a_reason() {
    let columns = of_people();
    let tables: BTreeSet<_> = columns.iter().map(|column| table_of(column)).collect();
    let moving = text(&tree::below(&["src/store/transfer"], &[".rs"]));
    // Accounts and files are made where those are always made.
    let made = ["src/store/accounts.rs", "src/store/files/write.rs"].map(tree::read);
    let making = format!("{moving}\n{}", made.join("\n"));
    let mut slips = Vec::new();
    for table in &tables {
        let reason = NOT_MOVED.iter().find(|(name, _reason)| name == table);
        let (is_read, is_made) = (reads(&moving, table), writes(&making, table));
        if reason.is_none() && !is_read {
            slips.push(format!("{table} is in no line, and no reason says why"));
        }
        if reason.is_none() && !is_made {
            slips.push(format!("no line makes a {table}"));
        }
        if reason.is_some() && is_read {
            slips.push(format!("{table} moves: the reason against it is not true"));
        }
    }
    let unknown = NOT_MOVED.iter().filter(|(name, _reason)| !tables.contains(name));
    slips.extend(unknown.map(|(name, _reason)| format!("there is no {name}")));
    none("clubs that move", &slips);
}

#[test]
fn a_column_that_says_who_is_seen() {
    let text = "CREATE TABLE wish (\n    wish_no BIGINT,\n    room_id BIGINT NOT NULL,\n    user_id BIGINT NOT NULL,\n    \
                told TEXT REFERENCES account,\n    whom BIGINT CONSTRAINT wish_whom REFERENCES account,\n    \
                -- user_id BIGINT\n    asked_by BIGINT\n);\nALTER TABLE room ADD COLUMN pair_no BIGINT;\n";
    let found: Vec<_> = columns(text).into_iter().collect();
    assert_eq!(found, ["room.pair_no", "wish.asked_by", "wish.user_id", "wish.whom"]);
    let sql = "SELECT 1 FROM wish w JOIN room ON TRUE; INSERT INTO audit (x)";
    assert!(reads(sql, "wish") && reads(sql, "room") && !reads(sql, "audit"));
    assert!(writes(sql, "audit") && !writes(sql, "wish"));
}
