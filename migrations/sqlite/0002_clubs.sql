-- A club. Deleting sets `deleted_at`; the row stays.
CREATE TABLE club (
    club_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL,
    -- Lower case, for uniqueness and search.
    name_key     TEXT    NOT NULL,
    greeting     TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    category     TEXT    NOT NULL,
    visibility   TEXT    NOT NULL CONSTRAINT club_visibility CHECK (visibility IN ('public', 'private')),
    join_policy  TEXT    NOT NULL,
    -- Most active members; null is no limit of its own.
    capacity     INTEGER,
    -- Active members. Changes only together with a membership, under this row's lock.
    member_count INTEGER NOT NULL,
    owner_id     INTEGER NOT NULL CONSTRAINT club_owner REFERENCES account,
    created_at   INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;

-- A name is unique among living clubs only.
CREATE UNIQUE INDEX club_name_key ON club (name_key) WHERE deleted_at IS NULL;

-- What a user is to a club: one row per pair for ever, so that a ban or mute outlives a departure.
CREATE TABLE membership (
    club_id     INTEGER NOT NULL CONSTRAINT membership_club REFERENCES club,
    user_id     INTEGER NOT NULL CONSTRAINT membership_user REFERENCES account,
    role        TEXT    NOT NULL CONSTRAINT membership_role CHECK (role IN ('member', 'manager', 'owner')),
    status      TEXT    NOT NULL CONSTRAINT membership_status CHECK (status IN ('active', 'left', 'kicked', 'banned')),
    joined_at   INTEGER NOT NULL,
    left_at     INTEGER,
    ban_until   INTEGER,
    muted_until INTEGER,
    CONSTRAINT membership_pkey PRIMARY KEY (club_id, user_id)
) STRICT, WITHOUT ROWID;

-- The clubs of a user; only active ones are ever asked for.
CREATE INDEX membership_of_user ON membership (user_id) WHERE status = 'active';

-- The members of a club, newest first.
CREATE INDEX membership_newest ON membership (club_id, joined_at, user_id) WHERE status = 'active';
