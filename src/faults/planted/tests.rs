//! What is planted comes, and nothing else.

use super::*;

fn planted(text: &str) -> Faults {
    text.parse().unwrap()
}

#[test]
fn what_is_not_known_is_refused() {
    for text in ["lose_frames=3", "lose_frame", "lose_frame=0", "leak_room=1", "panic=moon"] {
        assert!(text.parse::<Faults>().is_err(), "{text}");
    }
    for text in ["lose_end", "lose_end=never", "double_end=", "answer_twice=1", "forget_waiting=x"]
    {
        assert!(text.parse::<Faults>().is_err(), "{text}");
    }
    assert!("synchronous=FULL".parse::<Faults>().is_err());
    assert!("".parse::<Faults>().is_ok());
}

#[test]
fn every_nth_delivery_is_spoilt() {
    let faults = planted("lose_frame=3, double_frame=2");
    let six: Vec<_> = (0..6).map(|_| faults.next_delivery()).collect();
    use Delivery::{Doubled, Lost, Once};
    assert_eq!(six, [Once, Doubled, Lost, Doubled, Once, Lost]);
    assert_eq!(Faults::default().next_delivery(), Delivery::Once);
}

#[test]
fn a_swapped_delivery_comes_behind_the_next_one() {
    let faults = planted("swap_frames=2");
    let got = std::cell::RefCell::new(Vec::new());
    for byte in [b'1', b'2', b'3', b'4', b'5'] {
        let push = |bytes: Bytes| got.borrow_mut().push(bytes[0]);
        faults.deliver(7, Bytes::copy_from_slice(&[byte]), push);
    }
    assert_eq!(*got.borrow(), *b"13254");
}

#[test]
fn a_panic_comes_as_often_as_it_was_asked_for() {
    let faults = Faults::default();
    faults.crash(Part::Bus, Moment::Start, 2);
    let mut panics = faults.panics();
    assert!(!panics.is_due(Part::Bus, Moment::End));
    assert!(!panics.is_due(Part::Room, Moment::Start));
    let three = [(); 3].map(|()| panics.is_due(Part::Bus, Moment::Start));
    assert_eq!(three, [true, true, false]);
}

#[test]
fn a_panic_by_the_clock_comes_once_and_waits() {
    let faults = planted("panic=room,panic_every_ms=3600000");
    let mut panics = faults.panics();
    assert!(!panics.is_due(Part::Room, Moment::Start));
    if let Some((_, _, due)) = &mut panics.timed {
        *due = Instant::now();
    }
    assert!(panics.is_due(Part::Room, Moment::Middle));
    assert!(!panics.is_due(Part::Room, Moment::Middle));
}

#[test]
fn a_panic_that_spares_two_comes_the_third_time() {
    let faults = planted("panic=run,panic_at=end,panic_every_ms=1,panic_spares=2");
    let mut panics = faults.panics();
    let mut third = || {
        if let Some((_, _, due)) = &mut panics.timed {
            *due = Instant::now();
        }
        panics.is_due(Part::Run, Moment::End)
    };
    assert_eq!([(); 3].map(|()| third()), [false, false, true]);
}

#[test]
fn an_end_is_spoilt_where_it_is_the_one_that_is_meant() {
    let faults = planted("lose_end=error, change_end=stop,answer_twice");
    assert_eq!(["error", "stop"].map(|end| faults.loses_end(end)), [true, false]);
    assert_eq!(["stop", "cancel"].map(|end| faults.changes_end(end).is_some()), [true, false]);
    assert!(!faults.doubles_end("stop") && faults.answers_twice() && !faults.forgets_who_waits());
}
