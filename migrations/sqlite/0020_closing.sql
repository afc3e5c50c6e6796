-- Clubs that have closed, and how far their members were told.
CREATE TABLE closing (
    club_id INTEGER NOT NULL CONSTRAINT closing_pkey PRIMARY KEY
            CONSTRAINT closing_club REFERENCES club,
    -- Who closed it, and needs not be told.
    by_id   INTEGER NOT NULL CONSTRAINT closing_by REFERENCES account,
    at      INTEGER NOT NULL,
    -- Members up to this id were told.
    user_id INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER
) STRICT;

-- What is still to be told.
CREATE INDEX closing_undone ON closing (at) WHERE done_at IS NULL;
