-- What people do to messages that stand: edits, reactions, pins, threads, calls of many at once.
-- No foreign keys, as in 0004: the journal alone writes these, under the lock of the room's row.

-- The message that began the thread; null outside threads. A thread has no threads.
ALTER TABLE message ADD COLUMN thread INTEGER;

-- The messages of a thread, in order.
CREATE INDEX message_thread ON message (room_id, thread, seq) WHERE thread IS NOT NULL;

-- A thread, from its first answer on.
CREATE TABLE thread (
    room_id  INTEGER NOT NULL,
    root_seq INTEGER NOT NULL,
    -- Messages in it besides the root; tombstones are counted too.
    count    INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    CONSTRAINT thread_pkey PRIMARY KEY (room_id, root_seq)
) STRICT, WITHOUT ROWID;

-- Who follows a thread: the author of its root and whoever wrote in it.
CREATE TABLE thread_member (
    room_id  INTEGER NOT NULL,
    root_seq INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    read_seq INTEGER NOT NULL,
    CONSTRAINT thread_member_pkey PRIMARY KEY (room_id, root_seq, user_id)
) STRICT, WITHOUT ROWID;

-- The threads of a user in a room.
CREATE INDEX thread_member_of_user ON thread_member (user_id, room_id, root_seq);

-- The texts that an edited message had and has; `seq` is that of the event that brought the text.
-- A row outlives its text, so that every event with a text of the message is found when it is erased.
CREATE TABLE revision (
    room_id     INTEGER NOT NULL,
    message_seq INTEGER NOT NULL,
    rev         INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    -- The client's own id of the edit, if it gave one.
    cid         TEXT,
    -- Null in those that are too many to be kept.
    text        TEXT,
    CONSTRAINT revision_pkey PRIMARY KEY (room_id, message_seq, rev)
) STRICT, WITHOUT ROWID;

CREATE TABLE reaction (
    room_id     INTEGER NOT NULL,
    message_seq INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    emoji       TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    CONSTRAINT reaction_pkey PRIMARY KEY (room_id, message_seq, user_id, emoji)
) STRICT, WITHOUT ROWID;

-- Reactions of each emoji, set together with them: ten thousand are not counted for every reader.
CREATE TABLE reaction_count (
    room_id     INTEGER NOT NULL,
    message_seq INTEGER NOT NULL,
    emoji       TEXT    NOT NULL,
    count       INTEGER NOT NULL CONSTRAINT reaction_count_count CHECK (count > 0),
    -- Of the first of them: the order in which they are shown.
    first_seq   INTEGER NOT NULL,
    CONSTRAINT reaction_count_pkey PRIMARY KEY (room_id, message_seq, emoji)
) STRICT, WITHOUT ROWID;

CREATE TABLE pin (
    room_id     INTEGER NOT NULL,
    message_seq INTEGER NOT NULL,
    by_id       INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    CONSTRAINT pin_pkey PRIMARY KEY (room_id, message_seq)
) STRICT, WITHOUT ROWID;

-- A message that is to be told to many: worked off in pieces, in the order of (`key`, `user_id`), so
-- that it never holds the writer for long. The row stays, and says who was called.
CREATE TABLE fanout (
    room_id     INTEGER NOT NULL,
    message_seq INTEGER NOT NULL,
    what        TEXT    NOT NULL CONSTRAINT fanout_what CHECK (what IN ('all', 'here', 'thread')),
    -- Who is meant, where nobody could tell later: ids in rising order, with blanks between.
    users       TEXT    NOT NULL,
    -- Everybody up to here was told.
    key         INTEGER NOT NULL DEFAULT 0,
    user_id     INTEGER NOT NULL DEFAULT 0,
    at          INTEGER NOT NULL,
    done_at     INTEGER,
    CONSTRAINT fanout_pkey PRIMARY KEY (room_id, message_seq, what)
) STRICT, WITHOUT ROWID;

-- What a node that ended has left.
CREATE INDEX fanout_undone ON fanout (at) WHERE done_at IS NULL;

-- Who a message names, for when it is edited or deleted.
CREATE INDEX mention_of_message ON mention (room_id, n);

-- What a message caused, for when it is deleted.
CREATE INDEX notice_of_message ON notice (room_id, message_seq) WHERE message_seq IS NOT NULL;
