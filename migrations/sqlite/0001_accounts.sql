-- An account. Rows are never removed, so that what was written keeps its author.
CREATE TABLE account (
    user_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    username      TEXT    NOT NULL,
    -- Lower case: "Mina" and "mina" are one name.
    username_key  TEXT    NOT NULL CONSTRAINT account_username_key UNIQUE,
    display_name  TEXT    NOT NULL,
    -- Lower case, for searching.
    display_key   TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CONSTRAINT account_role CHECK (role IN ('user', 'admin')),
    kind          TEXT    NOT NULL DEFAULT 'human',
    locale        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    deleted_at    INTEGER
) STRICT;

-- What every node must agree on and nobody may read: the key that signs tokens and the like.
CREATE TABLE secret (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One sign-in of a user: a family of refresh tokens. AUTOINCREMENT, because old families are swept
-- and an access token that still names one must not come to mean another.
CREATE TABLE device (
    device_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL CONSTRAINT device_user REFERENCES account,
    name       TEXT    NOT NULL,
    ip         TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE INDEX device_of_user ON device (user_id);

-- "Which sign-ins ended lately" is asked every second by every node.
CREATE INDEX device_revoked ON device (revoked_at) WHERE revoked_at IS NOT NULL;

-- Every token that a family ever had: a used one that comes back betrays a thief.
CREATE TABLE refresh_token (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    device_id  INTEGER NOT NULL CONSTRAINT refresh_token_device REFERENCES device ON DELETE CASCADE,
    at         INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;

-- For the cascade when a family is swept.
CREATE INDEX refresh_token_of_device ON refresh_token (device_id);

-- A right to sign in once by a URL.
CREATE TABLE ticket (
    ticket_hash BLOB    NOT NULL PRIMARY KEY,
    user_id     INTEGER NOT NULL CONSTRAINT ticket_user REFERENCES account,
    device_id   INTEGER NOT NULL CONSTRAINT ticket_device REFERENCES device ON DELETE CASCADE,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For the cascade when a family is swept.
CREATE INDEX ticket_of_device ON ticket (device_id);
