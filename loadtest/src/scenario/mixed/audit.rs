//! When all is quiet: the whole history of every room by REST, as a member sees it, held against
//! everything that was answered and heard; and every file, for a member and for a stranger.

use std::rc::Rc;

use anyhow::{Context, Result};
use serde_json::Value;

use super::day::Day;
use crate::endpoint::Endpoint;
use crate::http::Http;
use crate::progress::Progress;
use crate::report::Report;
use crate::setup::in_parallel;
use crate::town::{Folk, Known, Room, Shown, fetch, pins, pry};

const PAGE: usize = 200;

/// A room, somebody who is in it, and the token of somebody who is not.
struct Visit {
    room: Rc<Room>,
    reader: usize,
    stranger: String,
}

pub(super) async fn audit(day: &Day, endpoint: &Endpoint, report: &mut Report) -> Result<()> {
    let members = day.town.members();
    let visits =
        day.town.rooms.iter().zip(members).enumerate().filter_map(|(at, (room, members))| {
            // Not always the same one.
            let reader = members.get(at % members.len().max(1)).copied()?;
            let stranger = day.outsiders.get(at % day.outsiders.len().max(1))?.clone();
            let is_used = room.book().is_some_and(|book| !book.is_empty());
            is_used.then(|| Visit { room: room.clone(), reader, stranger })
        });
    let private = day.pairs.all().into_iter().enumerate().filter_map(|(at, (room, pair))| {
        let stranger = day.outsiders.get(at % day.outsiders.len().max(1))?.clone();
        Some(Visit { room, reader: *pair.get(at % pair.len())?, stranger })
    });
    let visits: Rc<[Visit]> = visits.chain(private).collect();
    let (folk, count) = (day.folk.clone(), visits.len());
    let progress = Progress::new("rooms", count);
    let known = in_parallel(endpoint, count, progress, async move |index, http| {
        visits.get(index).context("no room")?.make(http, &folk).await
    })
    .await?;
    let vague = known.iter().filter(|is_known| !**is_known).count();
    let private = day.pairs.all();
    let rooms = day.town.rooms.iter().chain(private.iter().map(|(room, _)| room));
    let books = rooms.filter_map(|room| room.book());
    let (looked_at, files) = books.fold((0, 0), |(items, files), book| {
        (items + book.looked_at(), files + book.parcels().len())
    });
    report.figure("compared", looked_at as f64, "", "messages as somebody was shown them");
    report.figure(
        "files",
        files as f64,
        "",
        "posted, and fetched by another at the end at the latest",
    );
    report.figure("private_rooms", private.len() as f64, "", "of two, made in the run");
    let about = "of which nobody heard every event, so reactions were not compared";
    report.figure("rooms_vague", vague as f64, "", about);
    Ok(())
}

impl Visit {
    /// Compares one room. False when it is not known what happened at each seq.
    async fn make(&self, http: &mut Http, folk: &Folk) -> Result<bool> {
        let (room, token) = (&self.room, folk.token(self.reader));
        let (Some(book), Some(session)) = (room.book(), folk.session(self.reader)) else {
            return Ok(true);
        };
        let (items, upto) = (history(http, &token, &room.id).await?, room.end());
        let known = Known { upto, is_exact: room.is_known_upto(upto) };
        let shown = Shown { items: &items, reader: session.me.get(), from: 1 };
        let mut wrongs = book.compare(shown, known);
        if known.is_exact {
            wrongs.extend(book.verdict());
        }
        wrongs.into_iter().for_each(|wrong| folk.tally().wrong(wrong));
        pins(http, folk, (&token, room)).await?;
        for parcel in book.parcels() {
            fetch(http, folk, (&token, &parcel), None).await?;
            pry(http, folk, (&self.stranger, &parcel)).await?;
        }
        Ok(known.is_exact)
    }
}

async fn history(http: &mut Http, token: &str, room: &str) -> Result<Vec<Value>> {
    let path = format!("/v1/rooms/{room}/messages?after_seq=0&limit={PAGE}");
    let (mut all, mut next) = (Vec::new(), path.clone());
    loop {
        let mut page = http.get(&next, Some(token)).await?;
        let items = page.get_mut("items").and_then(Value::as_array_mut);
        all.append(items.with_context(|| format!("{path} has no items"))?);
        let Some(cursor) = page.get("next").and_then(Value::as_str) else { return Ok(all) };
        next = format!("/v1/rooms/{room}/messages?cursor={cursor}&limit={PAGE}");
    }
}
