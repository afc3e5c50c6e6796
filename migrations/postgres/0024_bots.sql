-- Bots: accounts that a program speaks with, made by a user. The account, its inbox and its places are
-- like everybody's; this is what it has besides.
CREATE TABLE bot (
    user_id    BIGINT NOT NULL PRIMARY KEY CONSTRAINT bot_account REFERENCES account,
    maker_id   BIGINT NOT NULL CONSTRAINT bot_maker REFERENCES account,
    -- The sign-in that its token is, and the hash of the token; none while it has no token.
    device_id  BIGINT,
    token_hash BYTEA CONSTRAINT bot_token UNIQUE
);

-- "My bots", and "who goes when I go".
CREATE INDEX bot_of_maker ON bot (maker_id, user_id);

-- How many machines there are between a message and the last human: 0 for what a human says.
ALTER TABLE message ADD COLUMN hop BIGINT NOT NULL DEFAULT 0;

-- Whether bots may ask the assistant; of a room that does not say so itself, what its club says.
ALTER TABLE club ADD COLUMN assistant_bots BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE room ADD COLUMN assistant_bots BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE room ADD COLUMN has_own_bots BOOLEAN NOT NULL DEFAULT FALSE;
