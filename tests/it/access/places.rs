//! The kinds of rooms, and who there is to each of them.

/// A kind of room, and what each kind of person is to it. Rules are for these sets; who is named in
/// none does not exist there: nobody is banned from a private room.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    sets: &'static [(&'static str, &'static str)],
}

/// What decides who is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A role in a club.
    Club,
    /// Being brought in.
    Group,
    /// Being one of the two.
    Pair,
    /// Not having left.
    Lobby,
}

/// Who has not signed in: the same everywhere.
pub(super) const ANONYMOUS: &str = "anonymous";

/// Between whom and the other there is a block, whoever has said so.
pub(super) const APART: [&str; 2] = ["blocked", "blocker"];

/// Everybody there is.
const PEOPLE: &str = "anonymous stranger left kicked banned muted blocked blocker member manager owner host admin bot";
/// The names of sets. `out`: for them the room is not there. `plain`: inside, and no more.
/// `mod`: inside, and moderators of it. `late`: inside, and came when something had been said.
/// `outside` and `inside` are of the club, whatever they are to the room. `apart`: blocked by the other,
/// and who has blocked the other.
const SETS: &str = "all in out plain mod late outside inside apart doer newcomer nobody";

const OUT: (&str, &str) = ("out", "stranger left kicked admin");
const OF_CLUB: (&str, &str) = ("outside", "stranger left kicked banned admin");
const IN_CLUB: (&str, &str) = ("inside", "muted blocked blocker member bot manager owner");
const PLAIN: (&str, &str) = ("plain", "muted blocked blocker member bot");
const MODERATORS: (&str, &str) = ("mod", "manager owner");
const BANNED: (&str, &str) = ("barred", "banned");
const DOER: (&str, &str) = ("doer", "member");
const BROUGHT: [(&str, &str); 5] = [OUT, BANNED, PLAIN, ("mod", "host"), DOER];

/// Every kind. An admin of the instance has no master key: the only room that they moderate is the
/// lobby. In a room for managers `member` was one and is none any more; the muted one still is.
pub(super) const PLACES: &[Place] = &[
    // A room for the members of a public club.
    Place {
        name: "club",
        kind: Kind::Club,
        sets: &[OUT, BANNED, PLAIN, MODERATORS, OF_CLUB, IN_CLUB, DOER],
    },
    // The same in a private club.
    Place {
        name: "closed",
        kind: Kind::Club,
        sets: &[OUT, BANNED, PLAIN, MODERATORS, OF_CLUB, IN_CLUB, DOER],
    },
    // A room that shows nobody what was before they came. The owner was there.
    Place {
        name: "since",
        kind: Kind::Club,
        sets: &[
            OUT,
            BANNED,
            PLAIN,
            MODERATORS,
            OF_CLUB,
            IN_CLUB,
            DOER,
            ("late", "muted blocked blocker member bot manager"),
        ],
    },
    Place {
        name: "managers",
        kind: Kind::Club,
        sets: &[
            ("out", "stranger left kicked admin member bot"),
            BANNED,
            ("mod", "muted blocked blocker manager owner"),
            OF_CLUB,
            IN_CLUB,
            ("doer", "manager"),
        ],
    },
    Place { name: "group", kind: Kind::Group, sets: &BROUGHT },
    Place { name: "listed", kind: Kind::Group, sets: &BROUGHT },
    Place {
        name: "dm",
        kind: Kind::Pair,
        sets: &[("out", "stranger admin"), ("plain", "blocked blocker member bot"), DOER],
    },
    Place {
        name: "lobby",
        kind: Kind::Lobby,
        sets: &[("out", "left kicked"), BANNED, PLAIN, ("mod", "admin"), DOER],
    },
];

impl Place {
    /// The one of this name.
    pub(super) fn named(name: &str) -> &'static Self {
        let found = PLACES.iter().find(|place| place.name == name);
        found.unwrap_or_else(|| panic!("no kind of room: {name}"))
    }

    /// Whether somebody belongs to a set, or is who is named.
    pub(super) fn has(&self, set: &str, who: &str) -> bool {
        match set {
            "all" => who != ANONYMOUS,
            "nobody" => false,
            "in" => self.has("plain", who) || self.has("mod", who),
            "apart" => APART.contains(&who),
            person if person == who => true,
            set => {
                let words = self.sets.iter().find(|(name, _)| *name == set);
                words.is_some_and(|(_, people)| people.split(' ').any(|one| one == who))
            }
        }
    }

    /// Everybody who can be something to a room of this kind.
    pub(super) fn people(&self) -> impl Iterator<Item = &'static str> {
        let is_there = |who: &&str| *who == ANONYMOUS || self.knows(who);
        PEOPLE.split(' ').filter(is_there)
    }

    fn knows(&self, who: &str) -> bool {
        ["out", "barred", "plain", "mod"].iter().any(|set| self.has(set, who))
    }
}

/// Whether a word names a set or a person.
pub(super) fn is_name(word: &str) -> bool {
    PEOPLE.split(' ').chain(SETS.split(' ')).any(|name| name == word)
}
