-- Head of a user's inbox log. Made with the account.
CREATE TABLE inbox (
    user_id INTEGER PRIMARY KEY CONSTRAINT inbox_user REFERENCES account,
    epoch   TEXT    NOT NULL DEFAULT (lower(hex(randomblob(6)))),
    head    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One entry of an inbox. AUTOINCREMENT, because old entries are trimmed and an id is never given twice.
CREATE TABLE notice (
    notice_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL CONSTRAINT notice_user REFERENCES account,
    seq          INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    room_id      INTEGER CONSTRAINT notice_room REFERENCES room,
    message_seq  INTEGER,
    from_id      INTEGER CONSTRAINT notice_from REFERENCES account,
    title        TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    -- The inbox event as it is sent.
    event        TEXT    NOT NULL CONSTRAINT notice_event CHECK (event <> ''),
    at           INTEGER NOT NULL,
    -- First shown to a live client or taken by a push service; never means read.
    delivered_at INTEGER,
    -- Set by the user alone.
    read_at      INTEGER,
    dropped_at   INTEGER,
    CONSTRAINT notice_seq UNIQUE (user_id, seq)
) STRICT;

-- Unread entries are counted, never stored as a number that could drift.
CREATE INDEX notice_unread ON notice (user_id, seq) WHERE read_at IS NULL AND dropped_at IS NULL;
