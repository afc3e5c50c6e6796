-- The index of the search. All of it is made from `message`: a version that keeps other tokens of a
-- text empties these tables, and they are filled again.

-- Up to which seq a room is in the index. What stands behind it is looked at directly.
CREATE TABLE search_place (
    room_id BIGINT CONSTRAINT search_place_pkey PRIMARY KEY,
    seq     BIGINT NOT NULL
);

-- The tokens of a message, as numbers. Neither its text nor the order of the tokens: whether a text
-- is meant is decided on the text. A spot is the time of the message above the lowest bits of its
-- room, so that the key has the newest last.
CREATE TABLE search_entry (
    spot    BIGINT    NOT NULL,
    room_id BIGINT    NOT NULL,
    seq     BIGINT    NOT NULL,
    tokens  INTEGER[] NOT NULL,
    CONSTRAINT search_entry_pkey PRIMARY KEY (spot, room_id, seq)
);

-- What was added last is kept unsorted and read by every search: not much of it.
CREATE INDEX search_entry_token ON search_entry USING gin (tokens)
    WITH (gin_pending_list_limit = 256);
