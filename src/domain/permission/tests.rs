//! Properties of the table and of what rooms say otherwise.

use proptest::prelude::*;

use super::*;

const KINDS: [RoomKind; 5] =
    [RoomKind::Member, RoomKind::Manager, RoomKind::Group, RoomKind::Private, RoomKind::Lobby];
const RANKS: [Rank; 3] = [Rank::Member, Rank::Moderator, Rank::Owner];

fn permission() -> impl Strategy<Value = Permission> {
    prop::sample::select(Permission::all().collect::<Vec<_>>())
}

fn kind() -> impl Strategy<Value = RoomKind> {
    prop::sample::select(KINDS.to_vec())
}

fn wish() -> impl Strategy<Value = Option<Least>> {
    let some = [ALL, MOD, Least::Owner, NO].map(Some);
    prop::sample::select(some.into_iter().chain([None]).collect::<Vec<_>>())
}

fn rank() -> impl Strategy<Value = Rank> {
    prop::sample::select(vec![Rank::Moderator, Rank::Owner])
}

/// What a room says after some changes, by whoever wants them.
fn changed(kind: RoomKind, changes: &[(Permission, Option<Least>, Rank)]) -> Overrides {
    let mut overrides = Overrides::default();
    for (permission, wish, by) in changes {
        let before = overrides.clone();
        if overrides.set(kind, *permission, *wish, *by).is_err() {
            assert_eq!(overrides, before, "a refusal changes nothing");
        }
    }
    overrides
}

#[test]
fn the_table_has_a_row_for_every_permission_in_their_order() {
    assert_eq!(Permission::WORDS.len(), COUNT);
    for (place, (permission, _row)) in TABLE.iter().enumerate() {
        assert_eq!((*permission as usize, permission.word()), (place, Permission::WORDS[place]));
    }
}

#[test]
fn the_table_is_that_of_the_domain() {
    use Permission::{Configure, DeleteOthers, Invite, Kick, Mute, Pin, Send};
    let rules = Rules::of;
    // In clubs managers and the owner pin, in groups and private rooms anybody.
    for (kind, anybody) in KINDS.into_iter().zip([false, false, true, true, false]) {
        assert_eq!(rules(kind).allows(Pin, Rank::Member), anybody, "{kind}");
        assert!(rules(kind).allows(Pin, Rank::Moderator));
    }
    // Between two nobody is above the other.
    for permission in [DeleteOthers, Invite, Kick, Mute, Configure] {
        assert!(RANKS.iter().all(|rank| !rules(RoomKind::Private).allows(permission, *rank)));
    }
    assert!(rules(RoomKind::Group).allows(Invite, Rank::Member));
    assert!(!rules(RoomKind::Member).allows(Kick, Rank::Member));
    assert!(!rules(RoomKind::Manager).allows(Send, Rank::Member), "no member is in such a room");
}

#[test]
fn one_acts_on_lower_ranks_only() {
    let club = Rules::of_club();
    let may = |rank, other| club.allows_on(Permission::Kick, rank, other);
    let allowed: Vec<_> = RANKS
        .iter()
        .flat_map(|rank| RANKS.iter().map(move |other| (*rank, *other)))
        .filter(|(rank, other)| may(*rank, *other))
        .collect();
    assert_eq!(
        allowed,
        [
            (Rank::Moderator, Rank::Member),
            (Rank::Owner, Rank::Member),
            (Rank::Owner, Rank::Moderator)
        ]
    );
}

#[test]
fn anyone_calls_all_of_a_small_room_until_it_says_otherwise() {
    let rules = Rules::of(RoomKind::Member);
    assert!(rules.allows_mention_all(Rank::Member, SMALL_ROOM));
    assert!(!rules.allows_mention_all(Rank::Member, SMALL_ROOM + 1));
    assert!(rules.allows_mention_all(Rank::Moderator, 10_000));
    let mut overrides = Overrides::default();
    let (member, all) = (RoomKind::Member, Permission::MentionAll);
    overrides.set(member, all, Some(Least::Owner), Rank::Owner).unwrap();
    assert!(!rules.with(&overrides).allows_mention_all(Rank::Moderator, 2));
    overrides.set(member, all, Some(NO), Rank::Owner).unwrap();
    assert!(!rules.with(&overrides).allows_mention_all(Rank::Owner, 2));
    overrides.set(member, all, Some(MOD), Rank::Owner).unwrap();
    assert!(!rules.with(&overrides).allows_mention_all(Rank::Member, 2), "said, if the same");
}

#[test]
fn a_room_cannot_say_everything() {
    let set =
        |kind, permission, wish| Overrides::default().set(kind, permission, wish, Rank::Owner);
    let fixed = Err(InvalidOverride::Fixed);
    assert_eq!(set(RoomKind::Member, Permission::Read, Some(MOD)), fixed);
    assert_eq!(set(RoomKind::Private, Permission::Configure, Some(MOD)), fixed);
    assert_eq!(set(RoomKind::Lobby, Permission::Invite, Some(ALL)), fixed);
    assert_eq!(set(RoomKind::Private, Permission::Pin, Some(MOD)), fixed);
    for of_the_club in [Permission::Kick, Permission::Mute, Permission::Invite] {
        assert_eq!(set(RoomKind::Member, of_the_club, Some(Least::Owner)), fixed);
        assert!(!of_the_club.is_settable(RoomKind::Manager));
    }
    assert!(Permission::Kick.is_settable(RoomKind::Group));
    let odd = |least| Err(InvalidOverride::NoChoice(least));
    assert_eq!(set(RoomKind::Group, Permission::Kick, Some(ALL)), odd(ALL));
    assert_eq!(set(RoomKind::Member, Permission::Configure, Some(NO)), odd(NO));
    assert_eq!(set(RoomKind::Group, Permission::Send, Some(Least::Owner)), odd(Least::Owner));
    let mut overrides = Overrides::default();
    let by = Rank::Moderator;
    let to_owner = overrides.set(RoomKind::Member, Permission::Pin, Some(Least::Owner), by);
    assert_eq!(to_owner, Err(InvalidOverride::AboveYou));
}

#[test]
fn words_that_nobody_knows_mean_the_default() {
    let overrides = Overrides::read("pin=owner fly=member react=emperor kick=member  =", "some");
    // A member may never kick, whatever is written.
    let rules = Rules::of(RoomKind::Member).with(&overrides);
    assert_eq!(rules.least(Permission::Pin), Least::Owner);
    assert_eq!(rules.least(Permission::React), ALL);
    assert_eq!(rules.least(Permission::Kick), MOD);
}

proptest! {
    /// Whatever is changed by whom: what is written reads back, and the rules differ from the table
    /// where the room says so and nowhere else.
    #[test]
    fn what_a_room_says_is_kept_and_nothing_more(
        kind in kind(),
        changes in prop::collection::vec((permission(), wish(), rank()), 0..40),
    ) {
        let overrides = changed(kind, &changes);
        let kept = Overrides::read(&overrides.to_string(), overrides.write());
        prop_assert_eq!(&kept, &overrides);
        let rules = Rules::of(kind).with(&overrides);
        for permission in Permission::all() {
            let said = overrides.get(permission).unwrap_or(permission.default_in(kind));
            prop_assert_eq!(rules.least(permission), said);
        }
    }

    /// Whatever moderators change: what the owner keeps to themselves stays so, somebody can still
    /// change the room, and no member can put anybody out.
    #[test]
    fn moderators_take_nothing_from_the_owner(
        kind in kind(),
        first in prop::collection::vec((permission(), wish(), Just(Rank::Owner)), 0..20),
        then in prop::collection::vec((permission(), wish(), Just(Rank::Moderator)), 0..40),
    ) {
        let owners = Rules::of(kind).with(&changed(kind, &first));
        let all: Vec<_> = first.into_iter().chain(then).collect();
        let rules = Rules::of(kind).with(&changed(kind, &all));
        for permission in Permission::all() {
            let is_owners = |rules: &Rules| rules.least(permission) == Least::Owner;
            prop_assert_eq!(is_owners(&rules), is_owners(&owners), "{}", permission);
        }
        prop_assert_eq!(
            rules.allows(Permission::Configure, Rank::Owner),
            kind != RoomKind::Private
        );
        for grave in [Permission::Kick, Permission::Mute, Permission::DeleteOthers] {
            prop_assert!(!rules.allows(grave, Rank::Member));
        }
    }

    /// A higher rank may whatever a lower one may.
    #[test]
    fn rank_only_adds(
        kind in kind(),
        changes in prop::collection::vec((permission(), wish(), rank()), 0..20),
        permission in permission(),
        readers in 0..100_usize,
    ) {
        let rules = Rules::of(kind).with(&changed(kind, &changes));
        for pair in RANKS.windows(2) {
            let (low, high) = (pair[0], pair[1]);
            prop_assert!(!rules.allows(permission, low) || rules.allows(permission, high));
            prop_assert!(
                !rules.allows_mention_all(low, readers) || rules.allows_mention_all(high, readers)
            );
            for other in RANKS {
                let on = |rank| rules.allows_on(permission, rank, other);
                prop_assert!(!on(low) || on(high));
                prop_assert!(!on(other), "nobody acts on an equal");
            }
        }
    }
}
