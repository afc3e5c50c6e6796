-- A file that was uploaded for a room. Its bytes lie elsewhere, under `blob`, a random key that is
-- written once. The row is there before the bytes take their place, and goes after them: so nothing
-- lies there that no row knows.
CREATE TABLE file (
    file_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id      INTEGER NOT NULL CONSTRAINT file_room REFERENCES room,
    uploader_id  INTEGER NOT NULL CONSTRAINT file_uploader REFERENCES account,
    blob         TEXT    NOT NULL CONSTRAINT file_blob UNIQUE,
    name         TEXT    NOT NULL,
    mime         TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    -- Of a picture, upright.
    width        INTEGER,
    height       INTEGER,
    -- Of the small copy, if there is one.
    preview_mime TEXT,
    preview_size INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    -- The message that it came with; null until it is sent.
    message_seq  INTEGER,
    -- Its place among the files of that message.
    place        INTEGER NOT NULL DEFAULT 0,
    -- Nobody may open it any more; the next sweep takes bytes and row.
    is_dropped   INTEGER NOT NULL DEFAULT FALSE
) STRICT;

-- The files of a message, and the messages of a room that have files.
CREATE INDEX file_of_message ON file (room_id, message_seq) WHERE message_seq IS NOT NULL;

-- What no message uses, oldest first.
CREATE INDEX file_unused ON file (created_at) WHERE message_seq IS NULL;

CREATE INDEX file_dropped ON file (file_id) WHERE is_dropped;

-- What a user uploaded in a day (UTC, counted from 1970).
CREATE TABLE file_day (
    user_id INTEGER NOT NULL CONSTRAINT file_day_user REFERENCES account,
    day     INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    CONSTRAINT file_day_pkey PRIMARY KEY (user_id, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX file_day_past ON file_day (day);

-- Bytes of all files together. One row.
CREATE TABLE file_sum (
    one   INTEGER PRIMARY KEY CONSTRAINT file_sum_one CHECK (one = 1),
    bytes INTEGER NOT NULL
) STRICT;

INSERT INTO file_sum (one, bytes) VALUES (1, 0);

-- What the pages say that a message links to: for each event that told so; the last one holds. An
-- edit leaves an empty list, until they are told anew.
CREATE TABLE message_preview (
    room_id   INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    -- A list, as it is sent.
    body      TEXT    NOT NULL,
    CONSTRAINT message_preview_pkey PRIMARY KEY (room_id, seq, event_seq)
) STRICT, WITHOUT ROWID;

-- Pages that were looked at, for a while; null for one that told nothing.
CREATE TABLE link (
    url   TEXT    NOT NULL CONSTRAINT link_pkey PRIMARY KEY,
    body  TEXT,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX link_until ON link (until);
