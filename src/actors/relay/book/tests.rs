//! Whatever comes and goes, places and ears agree.

use proptest::prelude::*;

use super::*;
use crate::actors::budget::Budget;
use crate::actors::outbox::Port;

fn enter(book: &mut Book) -> SeatKey {
    book.enter(
        Kind::Socket,
        Rc::new(Outbox::new(
            Port::Stream(crate::domain::Epoch("e".into())),
            0,
            Rc::new(Budget::new(1 << 20)),
        )),
        0,
    )
}

/// Whatever comes and goes, each place finds its own ear and each ear its place.
fn is_whole(book: &Book) -> bool {
    let places = book.taken().into_iter().all(|slot| {
        book.at(slot).unwrap().places.iter().all(|place| {
            let listeners = &book.rooms[&place.room];
            let ears = match place.mode {
                Mode::Head => &listeners.heads,
                Mode::Open => &listeners.open,
            };
            ears[index(place.index)].slot == slot
        })
    });
    let ears: usize = book.rooms.values().map(|l| l.open.len() + l.heads.len()).sum();
    let count: usize = book.taken().iter().map(|s| book.at(*s).unwrap().places.len()).sum();
    places && ears == count
}

proptest! {
    #[test]
    fn ears_and_places_agree(steps in prop::collection::vec((0..6u8, 0..8usize, 1..5i64), 1..200)) {
        let mut book = Book::new(0);
        let mut seats: Vec<SeatKey> = Vec::new();
        for (step, who, room) in steps {
            let room = RoomId(room);
            let seat = seats.get(who).copied();
            match (step, seat) {
                (0 | 1, _) | (_, None) => seats.push(enter(&mut book)),
                (2, Some(seat)) => book.put_place(seat.slot, room, Mode::Head, 0),
                (3, Some(seat)) => book.put_place(seat.slot, room, Mode::Open, 0),
                (4, Some(seat)) => { book.remove_place(seat.slot, room); }
                (_, Some(seat)) => {
                    book.leave(seat);
                    seats.retain(|other| *other != seat);
                }
            }
            prop_assert!(is_whole(&book));
        }
        for seat in seats {
            book.leave(seat);
        }
        prop_assert!(book.rooms.is_empty() && book.users.is_empty());
    }
}

#[test]
fn a_seat_of_another_worker_is_nobody_here() {
    let mut book = Book::new(0);
    let here = enter(&mut book);
    assert!(book.entry(SeatKey { worker: 1, ..here }).is_none());
}

#[test]
fn a_slot_that_is_used_again_is_another_seat() {
    let mut book = Book::new(0);
    let first = enter(&mut book);
    book.leave(first);
    let second = enter(&mut book);
    assert_eq!(first.slot, second.slot);
    assert!(book.entry(first).is_none() && book.entry(second).is_some());
}

#[test]
fn a_book_that_was_torn_is_whole_again_and_its_seats_are_counted_as_before() {
    let (mut book, room) = (Book::new(0), RoomId(7));
    let seats: Vec<_> = (0..5).map(|_| enter(&mut book)).collect();
    let gauge = Arc::new(RoomGauge::default());
    book.rooms.entry(room).or_default().gauge = Some(Arc::clone(&gauge));
    for (mentions, seat) in (0..).zip(&seats) {
        book.put_place(seat.slot, RoomId(8), Mode::Head, mentions);
        book.put_place(seat.slot, room, Mode::Open, mentions);
    }
    let torn = std::mem::take(&mut book.rooms.get_mut(&room).unwrap().open);
    book.put_back(room, Mode::Open, torn);
    assert!(is_whole(&book));
    assert_eq!(gauge.seats(), 5);
    for (mentions, seat) in (0..).zip(&seats) {
        assert_eq!(book.ear(seat.slot, room).unwrap().mentions, mentions);
        book.leave(*seat);
    }
    assert_eq!(gauge.seats(), 0);
    assert!(book.rooms.is_empty() && book.users.is_empty());
}
