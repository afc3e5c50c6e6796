-- The index of the search. All of it is made from `message`: a version that keeps other tokens of a
-- text empties these tables, and they are filled again.

-- Up to which seq a room is in the index. What stands behind it is looked at directly.
CREATE TABLE search_place (
    room_id INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL
) STRICT;

-- Which messages stand at a spot: their time above the lowest bits of their room, so that the index,
-- which counts by spots, has the newest first. Nearly always one message to a spot.
CREATE TABLE search_entry (
    spot    INTEGER NOT NULL,
    room_id INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    CONSTRAINT search_entry_pkey PRIMARY KEY (spot, room_id, seq)
) STRICT, WITHOUT ROWID;

-- The tokens at each spot (the rowid), as numbers. Neither the texts nor the order of the tokens:
-- whether a text is meant is decided on the text.
CREATE VIRTUAL TABLE search_token USING fts5 (
    tokens, content = '', contentless_delete = 1, detail = 'none', tokenize = 'ascii'
);

-- Its parts are put together in small steps of their own, never within a transaction that adds.
INSERT INTO search_token (search_token, rank) VALUES ('automerge', 0);
