//! Moderation: who may act on whom, what becomes of a membership, what is written down.

use moim::domain::{
    AuditAction, ClubId, ClubRole, MembershipStatus, Millis, RoomId, RoomKind, UserId,
};
use moim::store::{
    Append, AppendRefusal, Appended, Measure, Membership, Moderation, Move, Moves, OwnBan, Page,
    StoredNotice, Within,
};

use crate::harness::{World, message, on_both};

on_both!(
    a_kick_writes_lines_ends_the_membership_and_is_told,
    the_table_of_states_holds,
    one_acts_on_lower_roles_only,
    a_ban_keeps_out_until_it_ends,
    a_ban_without_an_end_is_lifted_by_hand,
    who_is_muted_writes_nothing_until_the_end,
    a_mute_outlives_a_departure,
    a_kick_and_messages_in_one_batch_keep_their_order,
    what_is_not_done_is_not_written_down,
    the_audit_log_is_read_in_pages,
    everything_that_the_log_does_not_tell_moves_the_rev,
);

pub(crate) const KICK: Measure = Measure::Kick;
const FOREVER: Measure = Measure::Ban { until: None };

/// A club with an owner, two managers and two members.
pub(crate) struct Club {
    pub(crate) id: ClubId,
    pub(crate) general: RoomId,
    pub(crate) owner: UserId,
    pub(crate) manager: UserId,
    pub(crate) other_manager: UserId,
    pub(crate) member: UserId,
    pub(crate) other_member: UserId,
}

pub(crate) async fn club(world: &World) -> Club {
    let owner = world.user("owner").await;
    let (club, general) = world.club("Chess", owner).await;
    let mut others = Vec::new();
    for name in ["manager", "manager2", "member", "member2"] {
        let user = world.user(name).await;
        world.join(club.id, user).await;
        others.push(user);
    }
    let [manager, other_manager, member, other_member] = others[..] else { unreachable!() };
    for manager in [manager, other_manager] {
        let sql = "UPDATE membership SET role = 'manager' WHERE user_id = ";
        world.sql(&format!("{sql}{}", manager.0)).await;
    }
    Club { id: club.id, general, owner, manager, other_manager, member, other_member }
}

/// Takes a measure.
pub(crate) async fn take(
    world: &World,
    club: ClubId,
    (by, on): (UserId, UserId),
    what: Measure,
) -> Appended {
    let (reason, at) = ("because".into(), world.now());
    let act = Moderation { within: Within::Club(club), by, on, what, reason, settles: None, at };
    world.one(Append::Moderate(act)).await
}

pub(crate) fn done(appended: Appended) -> (Vec<Move>, Option<StoredNotice>) {
    match appended {
        Appended::Moved(Moves { moves, mut notices, .. }) => (moves, notices.pop()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refusal(appended: &Appended) -> AppendRefusal {
    match appended {
        Appended::Refused(why) => why.clone(),
        other => panic!("{other:?}"),
    }
}

/// Whether it was so before.
fn is_nothing(appended: &Appended) -> bool {
    matches!(appended, Appended::Moved(moves) if moves.moves.is_empty() && moves.notices.is_empty())
}

async fn standing(world: &World, club: ClubId, user: UserId) -> Membership {
    world.store.membership(club, user).await.unwrap().unwrap()
}

/// What moderators did, oldest first.
async fn audit(world: &World, club: ClubId) -> Vec<String> {
    let entries = world.store.audit(club, Page::first(100)).await.unwrap();
    entries.into_iter().rev().map(|entry| entry.action).collect()
}

async fn a_kick_writes_lines_ends_the_membership_and_is_told(world: World) {
    let club = club(&world).await;
    let seen = world.room(club.id, "seen", club.owner, RoomKind::Member).await;
    let unseen = world.room(club.id, "unseen", club.owner, RoomKind::Member).await;
    let board = world.room(club.id, "board", club.owner, RoomKind::Manager).await;
    world.say(seen, club.member, "hi").await;
    let members = async || {
        let club = world.store.club(club.id, club.owner).await.unwrap().unwrap();
        club.member_count
    };
    assert_eq!(members().await, 5);
    let (rooms, notice) = done(take(&world, club.id, (club.manager, club.member), KICK).await);
    let told: Vec<_> = rooms.iter().map(|room| (room.room, room.line.is_some())).collect();
    assert_eq!(told, [(club.general, true), (seen, true), (unseen, false)], "not the {board}");
    let line = rooms[1].line.clone().unwrap();
    assert_eq!(&*line.body, format!("Kick room={seen} user={} seq=2", club.member));
    assert_eq!((line.seq, line.n), (2, 1), "a line has no ordinal");
    assert_eq!(&*world.log(seen).await[1].body, &*line.body);
    assert_eq!(members().await, 4);
    let gone = standing(&world, club.id, club.member).await;
    assert_eq!(gone.status, MembershipStatus::Kicked);
    assert!(gone.left_at.is_some() && gone.ban_until.is_none());
    assert!(!world.store.may_read(seen, club.member).await.unwrap());
    let notice = notice.unwrap();
    assert_eq!((notice.user, notice.seq), (club.member, 1));
    let notices = world.store.notices(club.member, Default::default(), Page::first(9)).await;
    let notices = notices.unwrap();
    let entry = &notices[0];
    assert_eq!((entry.kind.as_str(), entry.title.as_str()), ("club_removed", "out of Chess"));
    assert_eq!((entry.body.as_str(), entry.room, entry.from), ("because", None, None));
    let entries = world.store.audit(club.id, Page::first(9)).await.unwrap();
    assert_eq!(entries.len(), 1 + 3, "three rooms were made");
    let [entry, ..] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((entry.action.as_str(), entry.by), (AuditAction::Kick.word(), club.manager));
    assert_eq!((entry.user, entry.reason.as_str()), (Some(club.member), "because"));
    // Coming back follows the policy, and revives the one row.
    assert_eq!(
        match world.join(club.id, club.member).await {
            Appended::Member { rooms, .. } => rooms.len(),
            other => panic!("{other:?}"),
        },
        3
    );
}

async fn the_table_of_states_holds(world: World) {
    let club = club(&world).await;
    let stranger = world.user("stranger").await;
    let by = |on| (club.manager, on);
    let act = async |on, what| take(&world, club.id, by(on), what).await;
    let status = async |on| standing(&world, club.id, on).await.status;
    let until = world.now().plus(std::time::Duration::from_secs(60));
    let mute = Measure::Mute { until };
    // Never there.
    for what in [KICK, mute] {
        assert_eq!(refusal(&act(stranger, what).await), AppendRefusal::NoSuchMember);
    }
    for what in [Measure::Unban, Measure::Unmute] {
        assert!(is_nothing(&act(stranger, what).await));
    }
    let nobody = UserId(999_999);
    assert_eq!(refusal(&act(nobody, FOREVER).await), AppendRefusal::NoSuchMember);
    done(act(stranger, FOREVER).await);
    assert_eq!(status(stranger).await, MembershipStatus::Banned);
    // Banned.
    for what in [KICK, mute] {
        assert_eq!(refusal(&act(stranger, what).await), AppendRefusal::NotActive);
    }
    done(act(stranger, Measure::Ban { until: Some(until) }).await);
    assert_eq!(standing(&world, club.id, stranger).await.ban_until, Some(until));
    done(act(stranger, Measure::Unban).await);
    assert_eq!(status(stranger).await, MembershipStatus::Left);
    // Left.
    for what in [KICK, mute] {
        assert_eq!(refusal(&act(stranger, what).await), AppendRefusal::NotActive);
    }
    // Kicked: once more is no second time.
    done(act(club.member, KICK).await);
    let log = world.log(club.general).await.len();
    assert!(is_nothing(&act(club.member, KICK).await));
    assert_eq!(world.log(club.general).await.len(), log);
    done(act(club.member, FOREVER).await);
    assert_eq!(status(club.member).await, MembershipStatus::Banned);
    assert_eq!(world.log(club.general).await.len(), log, "who is out already leaves no line");
    // Active, to banned, with a line.
    let (rooms, notice) = done(act(club.other_member, FOREVER).await);
    let line = rooms[0].line.clone().unwrap();
    assert!(line.body.starts_with("Ban room="), "{}", line.body);
    assert!(notice.unwrap().body.ends_with(" ban"));
    assert_eq!(
        audit(&world, club.id).await,
        ["member.ban", "member.ban", "member.unban", "member.kick", "member.ban", "member.ban"]
    );
}

async fn one_acts_on_lower_roles_only(world: World) {
    let club = club(&world).await;
    let stranger = world.user("stranger").await;
    let until = Millis(i64::MAX);
    for what in [KICK, FOREVER, Measure::Unban, Measure::Mute { until }, Measure::Unmute] {
        for (by, on, why) in [
            (club.manager, club.other_manager, AppendRefusal::Role),
            (club.manager, club.owner, AppendRefusal::Role),
            (club.manager, club.manager, AppendRefusal::Role),
            (club.owner, club.owner, AppendRefusal::Role),
            (club.member, club.other_member, AppendRefusal::Role),
            (club.member, stranger, AppendRefusal::Role),
            (stranger, club.member, AppendRefusal::NotMember),
        ] {
            let refused = take(&world, club.id, (by, on), what).await;
            assert_eq!(refusal(&refused), why, "{what:?} by {by} on {on}");
        }
    }
    let nowhere = take(&world, ClubId(999), (club.owner, club.member), KICK).await;
    assert_eq!(refusal(&nowhere), AppendRefusal::Gone);
    assert!(audit(&world, club.id).await.is_empty());
    done(take(&world, club.id, (club.owner, club.manager), KICK).await);
    // Who was put out is no manager any more.
    let refused = take(&world, club.id, (club.manager, club.member), KICK).await;
    assert_eq!(refusal(&refused), AppendRefusal::NotMember);
    done(take(&world, club.id, (club.other_manager, club.manager), FOREVER).await);
    assert_eq!(standing(&world, club.id, club.manager).await.role, ClubRole::Member);
}

async fn a_ban_keeps_out_until_it_ends(world: World) {
    let club = club(&world).await;
    let until = world.now().plus(std::time::Duration::from_secs(60));
    let ban = Measure::Ban { until: Some(until) };
    done(take(&world, club.id, (club.manager, club.member), ban).await);
    let join = |at: i64| Append::JoinClub { club: club.id, user: club.member, at: Millis(at) };
    let refused = world.one(join(until.0 - 1)).await;
    let own = OwnBan { until: Some(until), reason: "because".into() };
    let why = AppendRefusal::Banned { until: own.until, reason: own.reason.clone() };
    assert_eq!(refusal(&refused), why);
    let page = || Page::first(9);
    let bans = world.store.bans(club.id, Millis(until.0 - 1), page()).await.unwrap();
    assert_eq!((bans[0].user.id, bans[0].until), (club.member, Some(until)));
    assert_eq!((bans.len(), bans[0].reason.as_str()), (1, "because"));
    assert!(world.store.bans(club.id, until, page()).await.unwrap().is_empty());
    let from = async |at: i64| {
        let ban = world.store.ban_from(club.general, club.member, Millis(at)).await;
        ban.unwrap()
    };
    assert_eq!(from(until.0 - 1).await, Some(own));
    assert_eq!(from(until.0).await, None, "it ends by itself");
    assert_eq!(world.store.end_bans(Millis(until.0 - 1)).await.unwrap(), 0);
    assert_eq!(world.store.end_bans(until).await.unwrap(), 1);
    let gone = standing(&world, club.id, club.member).await;
    assert_eq!((gone.status, gone.ban_until), (MembershipStatus::Left, None));
    let joined = world.one(join(until.0)).await;
    assert!(matches!(joined, Appended::Member { rooms, .. } if rooms.len() == 1));
}

async fn a_ban_without_an_end_is_lifted_by_hand(world: World) {
    let club = club(&world).await;
    done(take(&world, club.id, (club.manager, club.member), FOREVER).await);
    assert_eq!(world.store.end_bans(Millis(i64::MAX)).await.unwrap(), 0);
    let refused = world.join(club.id, club.member).await;
    let reason = "because".into();
    assert_eq!(refusal(&refused), AppendRefusal::Banned { until: None, reason });
    let bans = world.store.bans(club.id, Millis(i64::MAX), Page::first(9)).await.unwrap();
    assert_eq!(bans.len(), 1);
    done(take(&world, club.id, (club.manager, club.member), Measure::Unban).await);
    assert!(matches!(world.join(club.id, club.member).await, Appended::Member { .. }));
    done(take(&world, club.id, (club.manager, club.member), Measure::Unban).await);
    assert_eq!(audit(&world, club.id).await, ["member.ban", "member.unban"]);
}

/// A message at a moment.
fn at(room: RoomId, author: UserId, cid: &str, at: i64) -> Append {
    let Append::Message(mut message) = message(room, author, cid, "hi") else { unreachable!() };
    message.at = Millis(at);
    Append::Message(message)
}

async fn who_is_muted_writes_nothing_until_the_end(world: World) {
    let club = club(&world).await;
    let until = Millis(world.now().0 + 60_000);
    let mute = Measure::Mute { until };
    let (rooms, notice) = done(take(&world, club.id, (club.manager, club.member), mute).await);
    assert_eq!((rooms.len(), rooms[0].line.is_none(), notice.is_none()), (1, true, true));
    let send =
        async |cid: &str, when: i64| world.one(at(club.general, club.member, cid, when)).await;
    assert_eq!(refusal(&send("1", until.0 - 1).await), AppendRefusal::Muted { until });
    assert!(matches!(send("2", until.0).await, Appended::Message { .. }), "it ends by itself");
    // A repeat is answered even to who may write no more.
    assert!(matches!(send("2", until.0 - 1).await, Appended::Duplicate { .. }));
    let others = world.one(at(club.general, club.other_member, "1", until.0 - 1)).await;
    assert!(matches!(others, Appended::Message { .. }));
    let lobby = world.lobby().await;
    let elsewhere = world.one(at(lobby, club.member, "1", until.0 - 1)).await;
    assert!(matches!(elsewhere, Appended::Message { .. }), "in this club only");
    let (rooms, _) = done(take(&world, club.id, (club.owner, club.member), Measure::Unmute).await);
    assert_eq!(rooms.len(), 1);
    assert!(matches!(send("3", until.0 - 1).await, Appended::Message { .. }));
    let roster = world.store.roster(club.general).await.unwrap();
    assert!(roster.iter().all(|row| row.standing.muted_until.is_none()));
    assert_eq!(audit(&world, club.id).await, ["member.mute", "member.unmute"]);
}

async fn a_mute_outlives_a_departure(world: World) {
    let club = club(&world).await;
    let until = Millis(world.now().0 + 60_000);
    done(take(&world, club.id, (club.owner, club.member), Measure::Mute { until }).await);
    world.leave(club.id, club.member).await;
    world.join(club.id, club.member).await;
    let refused = world.one(at(club.general, club.member, "1", until.0 - 1)).await;
    assert_eq!(refusal(&refused), AppendRefusal::Muted { until });
}

async fn a_kick_and_messages_in_one_batch_keep_their_order(world: World) {
    let club = club(&world).await;
    let kick = Append::Moderate(Moderation {
        within: Within::Club(club.id),
        by: club.manager,
        on: club.member,
        what: KICK,
        reason: "".into(),
        settles: None,
        at: world.now(),
    });
    let done = world
        .append(&[
            message(club.general, club.member, "1", "before"),
            kick,
            message(club.general, club.member, "2", "after"),
            message(club.general, club.other_member, "1", "others go on"),
        ])
        .await;
    assert!(matches!(&done[0], Appended::Message { .. }));
    assert!(matches!(&done[1], Appended::Moved(moves) if moves.moves.len() == 1));
    assert_eq!(refusal(&done[2]), AppendRefusal::NotMember);
    assert!(matches!(&done[3], Appended::Message { .. }));
    let log = world.log(club.general).await;
    let last: Vec<_> = log.iter().rev().take(3).map(|event| event.body.to_string()).collect();
    assert!(last[0].contains("others go on"), "{last:?}");
    assert!(last[1].starts_with("Kick") && last[2].contains("before"), "{last:?}");
}

async fn what_is_not_done_is_not_written_down(world: World) {
    let club = club(&world).await;
    let at = world.now();
    let act = |what| Moderation {
        within: Within::Club(club.id),
        by: club.manager,
        on: club.member,
        what,
        reason: "".into(),
        settles: None,
        at,
    };
    // The batch fails as a whole and is done in pieces; the kick stands once.
    let done = world
        .append(&[Append::Moderate(act(KICK)), message(club.general, club.owner, "1", "poison")])
        .await;
    assert!(matches!(done[0], Appended::Moved(_)));
    assert!(matches!(done[1], Appended::Failed));
    assert_eq!(audit(&world, club.id).await, ["member.kick"]);
    let inbox = world.store.inbox_head(club.member).await.unwrap();
    assert_eq!((inbox.head, inbox.unread), (1, 1));
}

async fn the_audit_log_is_read_in_pages(world: World) {
    let club = club(&world).await;
    let until = Millis(i64::MAX);
    for _ in 0..5 {
        let who = (club.manager, club.member);
        done(take(&world, club.id, who, Measure::Mute { until }).await);
    }
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.audit(club.id, Page { after, limit: 2 }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.0);
        ids.extend(page.into_iter().map(|entry| entry.id));
    }
    assert_eq!(ids.len(), 5);
    assert!(ids.windows(2).all(|two| two[0] > two[1]), "newest first");
    let (other, _general) = world.club("Other", club.owner).await;
    assert!(world.store.audit(other.id, Page::first(9)).await.unwrap().is_empty());
}

async fn everything_that_the_log_does_not_tell_moves_the_rev(world: World) {
    let club = club(&world).await;
    let rev = async || world.store.room(club.general).await.unwrap().unwrap().rev;
    let mut last = rev().await;
    let mut moved = async |what: &str| {
        let now = rev().await;
        assert!(now > last, "{what}");
        last = now;
    };
    let until = Millis(i64::MAX);
    let member = (club.manager, club.member);
    done(take(&world, club.id, member, Measure::Mute { until }).await);
    moved("a mute").await;
    done(take(&world, club.id, member, KICK).await);
    moved("a kick").await;
    world.leave(club.id, club.other_member).await;
    moved("a departure").await;
    let heads = world.store.heads(&[club.general]).await.unwrap();
    assert_eq!(heads[0].rev, last);
}
