-- The log of a room, as it is sent. Clustered by place: replay is one range scan.
--
-- This table and the next have no foreign keys: the journal alone writes them, holding the lock of
-- the room's row and having read the author's right, and rooms and accounts are never removed. To
-- check each row once more would double the time of a batch.
CREATE TABLE room_event (
    room_id INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    -- Ordinal among the messages up to and including this event: a mark finds its `read_n` here.
    n       INTEGER NOT NULL,
    body    TEXT    NOT NULL CONSTRAINT room_event_body CHECK (body <> ''),
    CONSTRAINT room_event_pkey PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID;

-- Messages as they stand now; `seq` is that of the event that brought the message.
CREATE TABLE message (
    room_id    INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    author_id  INTEGER NOT NULL,
    cid        TEXT    NOT NULL,
    -- Null in a tombstone.
    text       TEXT,
    reply_to   INTEGER,
    rev        INTEGER NOT NULL DEFAULT 1,
    at         INTEGER NOT NULL,
    edited_at  INTEGER,
    is_deleted INTEGER NOT NULL DEFAULT FALSE,
    CONSTRAINT message_pkey PRIMARY KEY (room_id, seq),
    -- The fence against a message that is sent twice.
    CONSTRAINT message_cid UNIQUE (room_id, author_id, cid),
    CONSTRAINT message_tombstone CHECK ((text IS NULL) = is_deleted)
) STRICT, WITHOUT ROWID;

-- Who is named by which message; counted above the reader's `read_n`.
CREATE TABLE mention (
    user_id INTEGER NOT NULL CONSTRAINT mention_user REFERENCES account,
    room_id INTEGER NOT NULL CONSTRAINT mention_room REFERENCES room,
    n       INTEGER NOT NULL,
    CONSTRAINT mention_pkey PRIMARY KEY (user_id, room_id, n)
) STRICT, WITHOUT ROWID;
