-- A room and the head of its log. `head` and `n` change in the transaction that writes the log.
CREATE TABLE room (
    room_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT    NOT NULL CONSTRAINT room_kind CHECK (kind IN ('member', 'manager', 'group', 'private', 'lobby')),
    club_id     INTEGER CONSTRAINT room_club REFERENCES club,
    name        TEXT    NOT NULL,
    topic       TEXT    NOT NULL DEFAULT '',
    -- The room that one finds oneself in: of a club at joining it, of the instance at registration.
    is_general  INTEGER NOT NULL DEFAULT FALSE,
    -- Life of the log; a restore from a backup must change it.
    epoch       TEXT    NOT NULL DEFAULT (lower(hex(randomblob(6)))),
    -- Newest seq.
    head        INTEGER NOT NULL DEFAULT 0,
    -- Ordinal of the newest message.
    n           INTEGER NOT NULL DEFAULT 0,
    slow_mode_s INTEGER NOT NULL DEFAULT 0,
    write       TEXT    NOT NULL DEFAULT 'all',
    history     TEXT    NOT NULL DEFAULT 'all',
    created_by  INTEGER CONSTRAINT room_created_by REFERENCES account,
    created_at  INTEGER NOT NULL,
    deleted_at  INTEGER,
    -- The kind says whether a club decides who may read.
    CONSTRAINT room_club_by_kind CHECK ((club_id IS NOT NULL) = (kind IN ('member', 'manager')))
) STRICT;

CREATE INDEX room_of_club ON room (club_id) WHERE deleted_at IS NULL;

-- Exactly one `general` per club.
CREATE UNIQUE INDEX room_general ON room (club_id) WHERE is_general AND club_id IS NOT NULL;

-- Lobbies are told apart by name.
CREATE UNIQUE INDEX room_lobby_name ON room (name) WHERE kind = 'lobby' AND deleted_at IS NULL;

-- A user's state in a room. For lobby, group and private rooms `is_inside` is the right to read.
-- In club rooms the membership decides: there the row is only the read state, `is_inside` is false,
-- and no row means that nothing was read yet. The user comes first in the key: one user has few
-- rooms, but one room may have a hundred thousand users.
CREATE TABLE room_member (
    room_id   INTEGER NOT NULL CONSTRAINT room_member_room REFERENCES room,
    user_id   INTEGER NOT NULL CONSTRAINT room_member_user REFERENCES account,
    -- Null where the club's membership tells it.
    joined_at INTEGER,
    -- Head at the moment of joining.
    join_seq  INTEGER NOT NULL DEFAULT 0,
    -- Messages read, and the seq up to which they were.
    read_n    INTEGER NOT NULL DEFAULT 0,
    read_seq  INTEGER NOT NULL DEFAULT 0,
    is_inside INTEGER NOT NULL DEFAULT FALSE,
    CONSTRAINT room_member_pkey PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;

-- The rooms outside clubs that a user may read.
CREATE INDEX room_member_inside ON room_member (user_id) WHERE is_inside;

-- The members of such a room, newest first.
CREATE INDEX room_member_newest ON room_member (room_id, joined_at, user_id) WHERE is_inside;

-- The lobby that every new account finds itself in.
INSERT INTO room (kind, name, is_general, created_at)
VALUES ('lobby', 'general', TRUE, CAST(unixepoch('subsec') * 1000 AS INTEGER));
