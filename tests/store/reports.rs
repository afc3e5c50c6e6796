//! Reports, and the rules of clubs that report by themselves.

use futures_util::future::join_all;
use moim::domain::{
    FilterAction, FilterId, FilterKind, Pattern, ReportId, ReportReason, ReportStatus, RoomId,
    Settlement, UserId,
};
use moim::store::{
    Append, AppendRefusal, Appended, FilterAdded, FilterRemoved, FilterScope, FilterStamp, Measure,
    Moderation, NewFilter, NewReport, Page, Report, Reported, Settling, Within,
};

use crate::harness::{Plain, World, message, on_both};
use crate::moderation::{Club, KICK, club, done, refusal};

on_both!(
    a_message_is_reported_once_by_each,
    what_cannot_be_reported_is_not,
    a_report_is_decided_once_with_all_of_its_message,
    a_measure_decides_its_report_in_one_step,
    of_many_who_decide_at_once_one_does,
    a_rule_reports_in_the_transaction_of_the_message,
    rules_come_and_go_and_are_counted,
);

async fn report(world: &World, room: RoomId, seq: i64, by: UserId) -> Reported {
    let (reason, at) = (ReportReason::Spam, world.now());
    let new = NewReport { room, message_seq: seq, by, reason, note: "look", at };
    world.store.report(&new).await.unwrap()
}

fn new(reported: Reported) -> ReportId {
    match reported {
        Reported::New(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn reports(world: &World, club: &Club, status: ReportStatus) -> Vec<Report> {
    world.store.reports(Some(club.id), status, Page::first(100)).await.unwrap()
}

async fn a_message_is_reported_once_by_each(world: World) {
    let club = club(&world).await;
    let seq = world.say(club.general, club.member, "buy this").await.seq;
    let first = new(report(&world, club.general, seq, club.other_member).await);
    let again = report(&world, club.general, seq, club.other_member).await;
    assert_eq!(again, Reported::Before(first));
    let second = new(report(&world, club.general, seq, club.manager).await);
    let open = reports(&world, &club, ReportStatus::Open).await;
    assert_eq!(open.iter().map(|one| one.id).collect::<Vec<_>>(), [second, first]);
    let one = &open[1];
    assert_eq!((one.room, one.message_seq, one.author), (club.general, seq, club.member));
    assert_eq!(
        (one.by, one.filter, one.reason),
        (Some(club.other_member), None, ReportReason::Spam)
    );
    assert_eq!((one.note.as_str(), one.text.as_deref()), ("look", Some("buy this")));
    assert_eq!(one.decided, None);
    // The copy stays as it was while nobody has decided.
    world.sql("UPDATE message SET text = NULL, is_deleted = TRUE WHERE text = 'buy this'").await;
    assert_eq!(reports(&world, &club, ReportStatus::Open).await, open);
    assert!(reports(&world, &club, ReportStatus::Decided).await.is_empty());
}

async fn what_cannot_be_reported_is_not(world: World) {
    let club = club(&world).await;
    let lobby = world.lobby().await;
    let seq = world.say(club.general, club.member, "mine").await.seq;
    assert_eq!(report(&world, club.general, seq, club.member).await, Reported::Own);
    assert_eq!(report(&world, club.general, 999, club.manager).await, Reported::NoMessage);
    // A line is no message.
    assert_eq!(report(&world, club.general, 1, club.manager).await, Reported::NoMessage);
    let elsewhere = world.say(lobby, club.member, "hi").await.seq;
    assert_eq!(report(&world, lobby, elsewhere, club.member).await, Reported::Own);
    world.sql("UPDATE message SET text = NULL, is_deleted = TRUE").await;
    assert_eq!(report(&world, club.general, seq, club.manager).await, Reported::NoMessage);
}

async fn a_report_is_decided_once_with_all_of_its_message(world: World) {
    let club = club(&world).await;
    let seq = world.say(club.general, club.member, "one").await.seq;
    let other = world.say(club.general, club.member, "two").await.seq;
    let first = new(report(&world, club.general, seq, club.other_member).await);
    new(report(&world, club.general, seq, club.other_manager).await);
    let left = new(report(&world, club.general, other, club.other_member).await);
    let dismiss = async |of, id| {
        let who = (club.owner, world.now());
        world.store.dismiss((Some(of), id), "fine", who).await.unwrap()
    };
    assert_eq!(dismiss(club.id, first).await, Settling::Done);
    assert_eq!(dismiss(club.id, first).await, Settling::Decided);
    assert_eq!(dismiss(club.id, ReportId(999)).await, Settling::Gone);
    let (foreign, _general) = world.club("Foreign", club.owner).await;
    assert_eq!(dismiss(foreign.id, left).await, Settling::Gone, "of another club");
    let open = reports(&world, &club, ReportStatus::Open).await;
    assert_eq!(open.iter().map(|one| one.id).collect::<Vec<_>>(), [left]);
    let decided = reports(&world, &club, ReportStatus::Decided).await;
    assert_eq!(decided.len(), 2);
    for one in &decided {
        let (how, _at, _by) = one.decided.unwrap();
        assert_eq!((how, one.text.as_deref()), (Settlement::Dismiss, None), "kept no longer");
    }
    let audit = world.store.audit(club.id, Page::first(9)).await.unwrap();
    let [entry] = &audit[..] else { panic!("{audit:?}") };
    assert_eq!((entry.action.as_str(), entry.message_seq), ("report.dismiss", Some(seq)));
    assert_eq!((entry.user, entry.reason.as_str()), (Some(club.member), "fine"));
}

async fn a_measure_decides_its_report_in_one_step(world: World) {
    let club = club(&world).await;
    let seq = world.say(club.general, club.member, "bad").await.seq;
    let owners = world.say(club.general, club.owner, "mine").await.seq;
    let id = new(report(&world, club.general, seq, club.other_member).await);
    let above = new(report(&world, club.general, owners, club.member).await);
    let act = |on, what, settles| Moderation {
        within: Within::Club(club.id),
        by: club.manager,
        on,
        what,
        reason: "".into(),
        settles: Some(settles),
        at: world.now(),
    };
    let take = async |act| world.one(Append::Moderate(act)).await;
    // Who is above cannot be acted on, and the report stays open.
    assert_eq!(refusal(&take(act(club.owner, KICK, above)).await), AppendRefusal::Role);
    // It is about somebody else.
    let other = take(act(club.other_member, KICK, id)).await;
    assert_eq!(refusal(&other), AppendRefusal::Gone);
    assert_eq!(reports(&world, &club, ReportStatus::Open).await.len(), 2);
    let until = world.now().plus(std::time::Duration::from_secs(600));
    done(take(act(club.member, Measure::Mute { until }, id)).await);
    let decided = reports(&world, &club, ReportStatus::Decided).await;
    assert_eq!(
        decided[0].decided.map(|(how, _, by)| (how, by)),
        Some((Settlement::Mute, club.manager))
    );
    let again = take(act(club.member, KICK, id)).await;
    assert_eq!(refusal(&again), AppendRefusal::Decided);
    assert!(world.store.may_read(club.general, club.member).await.unwrap(), "nothing was done");
    let audit = world.store.audit(club.id, Page::first(9)).await.unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!((audit[0].message_seq, audit[0].until), (Some(seq), Some(until)));
}

async fn of_many_who_decide_at_once_one_does(world: World) {
    let club = club(&world).await;
    let seq = world.say(club.general, club.member, "bad").await.seq;
    let id = new(report(&world, club.general, seq, club.other_member).await);
    let nodes = [world.store.clone(), world.again().await];
    let until = world.now().plus(std::time::Duration::from_secs(600));
    let decide = |n: usize| {
        let (node, at) = (&nodes[n % 2], world.now());
        let act = Append::Moderate(Moderation {
            within: Within::Club(club.id),
            by: club.manager,
            on: club.member,
            what: Measure::Mute { until },
            reason: "".into(),
            settles: Some(id),
            at,
        });
        async move {
            if n.is_multiple_of(3) {
                let who = (club.other_manager, at);
                node.dismiss((Some(club.id), id), "", who).await.unwrap() == Settling::Done
            } else {
                let done = node.append(&[act], &Plain).await.unwrap();
                matches!(done[0], Appended::Moved(_))
            }
        }
    };
    let done = join_all((0..12).map(decide)).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
    assert_eq!(world.store.audit(club.id, Page::first(99)).await.unwrap().len(), 1);
}

async fn a_rule_reports_in_the_transaction_of_the_message(world: World) {
    let club = club(&world).await;
    let flagged = |cid: &str, text: &str| {
        let append = message(club.general, club.member, cid, text);
        let Append::Message(mut message) = append else { unreachable!() };
        message.flagged = Some(FilterId(7));
        Append::Message(message)
    };
    let done = world
        .append(&[
            flagged("1", "odd"),
            message(club.general, club.member, "2", "fine"),
            flagged("1", "odd"),
            flagged("3", "odd too"),
        ])
        .await;
    assert!(matches!(done[2], Appended::Duplicate { .. }));
    let open = reports(&world, &club, ReportStatus::Open).await;
    let told: Vec<_> = open.iter().map(|one| (one.by, one.filter, one.reason)).collect();
    let by_rule = (None, Some(FilterId(7)), ReportReason::Filter);
    assert_eq!(told, [by_rule, by_rule]);
    assert_eq!(open[1].text.as_deref(), Some("odd"));
    let Appended::Message { event, .. } = &done[0] else { panic!("{done:?}") };
    assert_eq!((open[1].message_seq, open[1].author), (event.seq, club.member));
    // A member may report it as well.
    new(report(&world, club.general, event.seq, club.other_member).await);
}

async fn rules_come_and_go_and_are_counted(world: World) {
    let club = club(&world).await;
    let pattern = |text: &str| Pattern::parse(FilterKind::Word, text).unwrap();
    let add = async |text: &str| {
        let pattern = pattern(text);
        let (action, by, at) = (FilterAction::Mask, club.manager, world.now());
        let new =
            NewFilter { scope: FilterScope::Club(club.id), pattern: &pattern, action, by, at };
        world.store.add_filter(new).await.unwrap()
    };
    let stamp = async || world.store.filter_stamp(FilterScope::Club(club.id)).await.unwrap();
    assert_eq!(stamp().await, FilterStamp::default());
    let rev = async || world.store.room(club.general).await.unwrap().unwrap().rev;
    let before = rev().await;
    let FilterAdded::Done(rule, rooms) = add("bad").await else { panic!("not added") };
    assert_eq!(rooms, [club.general]);
    assert!(rev().await > before);
    assert_eq!(
        world.store.filters(FilterScope::Club(club.id)).await.unwrap(),
        std::slice::from_ref(&rule)
    );
    let one = stamp().await;
    assert_eq!((one.count, one.newest), (1, rule.id.0));
    assert_eq!(world.store.room(club.general).await.unwrap().unwrap().filters, one);
    let remove = async |id| {
        let who = (club.owner, world.now());
        world.store.remove_filter((FilterScope::Club(club.id), id), who.0, who.1).await.unwrap()
    };
    let removed = |rooms: &[RoomId]| FilterRemoved::Done(rooms.to_vec());
    assert_eq!(remove(rule.id).await, removed(&[club.general]));
    assert_eq!(remove(rule.id).await, removed(&[]), "a second time");
    let FilterAdded::Done(again, _) = add("bad").await else { panic!("not added") };
    assert_ne!(again.id, rule.id, "an id is never given twice");
    assert_ne!(stamp().await, one);
    for n in 1..moim::domain::FILTERS {
        assert!(matches!(add(&format!("word{n}")).await, FilterAdded::Done(..)));
    }
    assert_eq!(add("one more").await, FilterAdded::Full);
    let (foreign, _general) = world.club("Foreign", club.owner).await;
    let who = (club.owner, world.now());
    let other = world
        .store
        .remove_filter((FilterScope::Club(foreign.id), again.id), who.0, who.1)
        .await
        .unwrap();
    assert_eq!(other, removed(&[]), "of another club");
    let audit = world.store.audit(club.id, Page::first(200)).await.unwrap();
    assert_eq!(audit.len(), moim::domain::FILTERS + 2);
    let first: Vec<_> = audit.iter().rev().take(2).map(|entry| entry.action.as_str()).collect();
    assert_eq!(first, ["filter.add", "filter.remove"]);
}
