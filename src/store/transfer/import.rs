//! Making clubs of a file. One transaction: either all of it stands, or nothing.
//!
//! Rooms get new ids, and with them new lives of their logs: whatever position somebody kept means
//! nothing here, and they start anew. People are matched by their names; for who is not known an
//! account is made that nobody can sign in with until an operator sets a password.

use std::collections::HashMap;
use std::io;

use super::assistant::waking;
use super::beside::{self, Placed};
use super::line::{ClubLine, FilterLine, Line, MemberLine, UserLine};
use super::people::{Users, erased, known, make_bot, placeholder, who};
use super::room::Room;
use super::{FORMAT, TransferError, VERSION};
use crate::domain::{
    ASSISTANT, ClubName, ClubRole, DisplayName, FilterAction, FilterKind, MembershipStatus, Millis,
    Pattern, UserId, Username,
};
use crate::store::db::{Conn, execute, fetch_optional};
use crate::store::writer::EventWriter;
use crate::store::{Store, StoreError};

/// What an import brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Clubs.
    pub clubs: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages.
    pub messages: u64,
    /// Files.
    pub files: u64,
    /// Files that the lines name and whose bytes were not to be had.
    pub files_missing: u64,
    /// Reports.
    pub reports: u64,
    /// Accounts that were made for people who are not known here.
    pub placeholders: u64,
}

/// The key under which the bytes of a file will lie, by its number beside the lines, its size and that
/// of its small copy; none where they are not to be had.
pub type FileKey<'i> = &'i mut dyn FnMut(i64, i64, Option<i64>) -> Option<String>;

impl Store {
    /// Makes clubs of the lines of a file; the only club of it under another name, if one is given.
    /// Bytes of files are the caller's: `key` says where they will lie.
    ///
    /// # Errors
    /// With the number of the line that cannot be used. Nothing of the file is kept then.
    pub async fn import_clubs(
        &self,
        lines: &mut dyn Iterator<Item = io::Result<String>>,
        (name, at): (Option<&str>, Millis),
        (writer, key): (&dyn EventWriter, FileKey<'_>),
    ) -> Result<Imported, TransferError> {
        let mut tx = self.db.begin().await?;
        let mut import = Import {
            writer,
            key,
            at,
            name,
            users: HashMap::new(),
            club: None,
            room: None,
            rooms: HashMap::new(),
            done: Imported::default(),
        };
        match import.read(&mut tx, lines).await {
            Ok(()) => {
                tx.end(Ok(())).await?;
                Ok(import.done)
            }
            Err(why) => {
                // The roll-back is the error's; what it says of itself matters less.
                let _rolled_back = tx.end(Err::<(), _>(StoreError::Corrupt(why.to_string()))).await;
                Err(why)
            }
        }
    }
}

/// A file that is being read.
struct Import<'i> {
    writer: &'i dyn EventWriter,
    key: FileKey<'i>,
    at: Millis,
    name: Option<&'i str>,
    /// Who somebody of the file is here.
    users: Users,
    club: Option<Club>,
    room: Option<Room>,
    /// The rooms of the club that are made, by their numbers in the file.
    rooms: HashMap<i64, Placed>,
    done: Imported,
}

/// A club that is being made.
struct Club {
    id: i64,
    /// Who owned it, as the file says.
    owner: i64,
    has_owner: bool,
    has_general: bool,
}

/// Why a line cannot be used.
pub(super) enum Odd {
    Why(String),
    Store(StoreError),
    Name(String),
}

impl From<StoreError> for Odd {
    fn from(why: StoreError) -> Self {
        Self::Store(why)
    }
}

/// A value of a line that does not fit.
pub(super) fn odd(what: &str, why: impl std::fmt::Display) -> Odd {
    Odd::Why(format!("{what}: {why}"))
}

/// Who or what a line names that no line before it introduced.
pub(super) fn unknown(what: &str, id: i64) -> Odd {
    Odd::Why(format!("{what} {id} was not introduced"))
}

impl Import<'_> {
    async fn read(
        &mut self,
        conn: &mut Conn,
        lines: &mut dyn Iterator<Item = io::Result<String>>,
    ) -> Result<(), TransferError> {
        let (mut number, mut is_ended) = (0_u64, false);
        for text in lines {
            number += 1;
            let text = text?;
            let at = |why: String| TransferError::Line { line: number, why };
            if is_ended {
                return Err(at("there is more behind the end".to_owned()));
            }
            let line: Line = serde_json::from_str(&text).map_err(|why| at(why.to_string()))?;
            if (number == 1) != matches!(line, Line::Head { .. }) {
                return Err(at("the first line, and no other, says what the file is".to_owned()));
            }
            is_ended = matches!(line, Line::End { .. });
            match self.take(conn, line, number).await {
                Ok(()) => {}
                Err(Odd::Why(why)) => return Err(at(why)),
                Err(Odd::Name(name)) => return Err(TransferError::NameTaken(name)),
                // A value that the database refuses is the line's fault.
                Err(Odd::Store(why @ (StoreError::Conflict { .. } | StoreError::Statement(_)))) => {
                    return Err(at(why.to_string()));
                }
                Err(Odd::Store(why)) => return Err(why.into()),
            }
        }
        let why = "the file ends before its end; it was cut off".to_owned();
        if is_ended { Ok(()) } else { Err(TransferError::Line { line: number + 1, why }) }
    }

    async fn take(&mut self, conn: &mut Conn, line: Line, number: u64) -> Result<(), Odd> {
        match line {
            Line::Head { format, version, .. } => {
                let is_known = format == FORMAT && version == VERSION;
                let why = format!("a file of {FORMAT}, version {VERSION}, is wanted");
                if is_known { Ok(()) } else { Err(Odd::Why(why)) }
            }
            Line::User(user) => self.user(conn, user).await,
            Line::Club(club) => {
                self.end_club(conn).await?;
                self.club(conn, club).await
            }
            Line::Member(member) => self.member(conn, member).await,
            Line::Filter(filter) => self.filter(conn, filter).await,
            Line::Room(room) => {
                self.end_room(conn).await?;
                let club = self.club.as_mut().ok_or_else(no_club)?;
                if room.general && std::mem::replace(&mut club.has_general, true) {
                    return Err(odd("general", "a club has one"));
                }
                let made = Room::make(conn, (club.id, &room), &self.users).await?;
                self.room = Some(made);
                self.done.rooms += 1;
                Ok(())
            }
            Line::Message(message) => {
                let room = self.room.as_mut().ok_or_else(no_room)?;
                let place = (room.next(), UserId(who(&self.users, message.by)?));
                let files = beside::bring_files(conn, place, &message, self.key).await?;
                let missing = message.files.len().saturating_sub(files.len());
                self.done.files += files.len() as u64;
                self.done.files_missing += missing as u64;
                room.message(conn, message, (&self.users, self.writer), &files).await?;
                self.done.messages += 1;
                Ok(())
            }
            Line::Report(report) => {
                let club = self.club.as_ref().ok_or_else(no_club)?;
                let room = self.room.as_ref().ok_or_else(no_room)?;
                // Of a message that the file does not have there is nothing to look at.
                if let Some(place) = room.here(report.seq) {
                    beside::report(conn, (club.id, place), &report, &self.users).await?;
                    self.done.reports += 1;
                }
                Ok(())
            }
            Line::Audit(act) => {
                self.end_room(conn).await?;
                let club = self.club.as_ref().ok_or_else(no_club)?;
                beside::act(conn, (club.id, &self.rooms), &act, &self.users).await
            }
            Line::Mark(mark) => {
                let user = who(&self.users, mark.user)?;
                self.room.as_ref().ok_or_else(no_room)?.mark(conn, user, &mark).await
            }
            Line::End { lines } if lines == number => self.end_club(conn).await,
            Line::End { lines } => Err(Odd::Why(format!("the file had {lines} lines"))),
        }
    }

    /// Finds somebody by name, or makes an account that nobody can sign in with.
    async fn user(&mut self, conn: &mut Conn, user: UserLine) -> Result<(), Odd> {
        let id = if user.id == ASSISTANT.0 {
            // It has the same number everywhere.
            user.id
        } else if user.deleted {
            erased(conn, self.at).await?
        } else {
            let name = Username::parse(&user.username).map_err(|why| odd("username", why))?;
            let shown = DisplayName::parse(&user.display_name);
            let shown = shown.map_err(|why| odd("display_name", why))?;
            match known(conn, &name.key()).await? {
                Some(known) => known,
                None => {
                    self.done.placeholders += 1;
                    let made = placeholder(conn, (&name, &shown), self.at).await?;
                    if let Some(maker) = user.maker {
                        make_bot(conn, made, who(&self.users, maker)?).await?;
                    }
                    made
                }
            }
        };
        match self.users.insert(user.id, id) {
            None => Ok(()),
            Some(_twice) => Err(Odd::Why(format!("the user {} was introduced before", user.id))),
        }
    }

    async fn club(&mut self, conn: &mut Conn, line: ClubLine) -> Result<(), Odd> {
        let owner = *self.users.get(&line.owner).ok_or_else(|| unknown("the user", line.owner))?;
        let name = ClubName::parse(self.name.unwrap_or(&line.name));
        let name = name.map_err(|why| odd("name", why))?;
        if self.name.is_some() && self.done.clubs > 0 {
            return Err(odd("name", "a file of several clubs keeps their names"));
        }
        let made = fetch_optional!(
            conn,
            (i64,),
            "INSERT INTO club (name, name_key, greeting, description, kind, category, visibility,
                               join_policy, capacity, seen_by, member_count, owner_id, created_at,
                               assistant, assistant_bots, persona, ai_language, ai_model)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12,
                     coalesce($13, 'mention'), $14, $15, $16, $17)
             ON CONFLICT (name_key) WHERE deleted_at IS NULL DO NOTHING RETURNING club_id",
            name.as_str(),
            name.key(),
            line.greeting,
            line.description,
            word::<crate::domain::ClubKind>("kind", &line.kind)?.word(),
            line.category,
            word::<crate::domain::Visibility>("visibility", &line.visibility)?.word(),
            word::<crate::domain::JoinPolicy>("join_policy", &line.join_policy)?.word(),
            line.capacity,
            line.seen_by,
            owner,
            line.created_at,
            waking(&line.assistant)?,
            line.assistant.assistant_bots.unwrap_or(false),
            line.assistant.persona,
            line.assistant.ai_language,
            line.assistant.ai_model
        )?;
        let Some((id,)) = made else { return Err(Odd::Name(name.as_str().to_owned())) };
        self.club = Some(Club { id, owner: line.owner, has_owner: false, has_general: false });
        self.done.clubs += 1;
        Ok(())
    }

    async fn member(&mut self, conn: &mut Conn, line: MemberLine) -> Result<(), Odd> {
        let user = *self.users.get(&line.user).ok_or_else(|| unknown("the user", line.user))?;
        let club = self.club.as_mut().ok_or_else(no_club)?;
        let role = word::<ClubRole>("role", &line.role)?;
        let status = word::<MembershipStatus>("status", &line.status)?;
        let is_owner = line.user == club.owner && status == MembershipStatus::Active;
        if is_owner != (role == ClubRole::Owner) {
            return Err(odd("role", "the owner of the club, and nobody else, is its owner"));
        }
        club.has_owner |= is_owner;
        execute!(
            conn,
            "INSERT INTO membership (club_id, user_id, role, status, joined_at, left_at, ban_until,
                                     ban_reason, muted_until)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            club.id,
            user,
            role.word(),
            status.word(),
            line.joined_at,
            line.left_at,
            line.ban_until,
            line.ban_reason,
            line.muted_until
        )?;
        Ok(())
    }

    async fn filter(&mut self, conn: &mut Conn, line: FilterLine) -> Result<(), Odd> {
        let by = *self.users.get(&line.made_by).ok_or_else(|| unknown("the user", line.made_by))?;
        let club = self.club.as_ref().ok_or_else(no_club)?;
        let kind = word::<FilterKind>("kind", &line.kind)?;
        Pattern::parse(kind, &line.pattern).map_err(|why| odd("pattern", why))?;
        execute!(
            conn,
            "INSERT INTO club_filter (club_id, kind, pattern, action, made_by, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            club.id,
            kind.word(),
            line.pattern,
            word::<FilterAction>("action", &line.action)?.word(),
            by,
            line.created_at
        )?;
        Ok(())
    }

    async fn end_room(&mut self, conn: &mut Conn) -> Result<(), Odd> {
        if let Some(room) = self.room.take() {
            let (old, placed) = room.end(conn).await?;
            self.rooms.insert(old, placed);
        }
        Ok(())
    }

    /// A club is whole: it has an owner and a general room, and its members are counted.
    async fn end_club(&mut self, conn: &mut Conn) -> Result<(), Odd> {
        self.end_room(conn).await?;
        self.rooms.clear();
        let Some(club) = self.club.take() else { return Ok(()) };
        if !(club.has_owner && club.has_general) {
            return Err(Odd::Why("the club before has no owner or no general room".to_owned()));
        }
        execute!(
            conn,
            "UPDATE club SET member_count = (SELECT count(*) FROM membership
                 WHERE membership.club_id = club.club_id AND membership.status = 'active')
              WHERE club_id = $1",
            club.id
        )?;
        Ok(())
    }
}

fn no_club() -> Odd {
    Odd::Why("there is no club before this line".to_owned())
}

fn no_room() -> Odd {
    Odd::Why("there is no room before this line".to_owned())
}

/// A word that the server knows.
pub(super) fn word<T: std::str::FromStr<Err: std::fmt::Display>>(
    what: &str,
    word: &str,
) -> Result<T, Odd> {
    word.parse().map_err(|why| odd(what, why))
}
