-- The log of a room, as it is sent. Clustered by place: replay is one range scan.
--
-- This table and the next have no foreign keys: the journal alone writes them, holding the lock of
-- the room's row and having read the author's right, and rooms and accounts are never removed. To
-- check each row once more would double the time of a batch.
CREATE TABLE room_event (
    room_id BIGINT  NOT NULL,
    seq     BIGINT  NOT NULL,
    at      BIGINT  NOT NULL,
    -- Ordinal among the messages up to and including this event: a mark finds its `read_n` here.
    n       BIGINT  NOT NULL,
    body    TEXT    NOT NULL CONSTRAINT room_event_body CHECK (body <> ''),
    CONSTRAINT room_event_pkey PRIMARY KEY (room_id, seq)
);

-- Messages as they stand now; `seq` is that of the event that brought the message.
CREATE TABLE message (
    room_id    BIGINT  NOT NULL,
    seq        BIGINT  NOT NULL,
    n          BIGINT  NOT NULL,
    author_id  BIGINT  NOT NULL,
    cid        TEXT    NOT NULL,
    -- Null in a tombstone.
    text       TEXT,
    reply_to   BIGINT,
    rev        BIGINT  NOT NULL DEFAULT 1,
    at         BIGINT  NOT NULL,
    edited_at  BIGINT,
    is_deleted BOOLEAN NOT NULL DEFAULT FALSE,
    CONSTRAINT message_pkey PRIMARY KEY (room_id, seq),
    -- The fence against a message that is sent twice.
    CONSTRAINT message_cid UNIQUE (room_id, author_id, cid),
    CONSTRAINT message_tombstone CHECK ((text IS NULL) = is_deleted)
);

-- Who is named by which message; counted above the reader's `read_n`.
CREATE TABLE mention (
    user_id BIGINT  NOT NULL CONSTRAINT mention_user REFERENCES account,
    room_id BIGINT  NOT NULL CONSTRAINT mention_room REFERENCES room,
    n       BIGINT  NOT NULL,
    CONSTRAINT mention_pkey PRIMARY KEY (user_id, room_id, n)
);
