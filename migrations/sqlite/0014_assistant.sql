-- The assistant: its account, what rooms say of it, and its answers.

-- It is `u_ai`: number 0, which no sequence gives.
INSERT INTO account (user_id, username, username_key, display_name, display_key, password_hash,
                     role, kind, locale, created_at)
VALUES (0, 'ai', 'ai', 'AI', 'ai', '', 'user', 'assistant', 'ko', 0);
INSERT INTO inbox (user_id) VALUES (0);

-- What wakes it in a room, what moderators want it to be there, and in which language and by which
-- model it answers; empty for the asker's and the instance's.
ALTER TABLE room ADD COLUMN assistant TEXT NOT NULL DEFAULT 'mention'
    CONSTRAINT room_assistant CHECK (assistant IN ('off', 'mention', 'always'));
ALTER TABLE room ADD COLUMN persona TEXT NOT NULL DEFAULT '';
ALTER TABLE room ADD COLUMN ai_language TEXT NOT NULL DEFAULT '';
ALTER TABLE room ADD COLUMN ai_model TEXT NOT NULL DEFAULT '';

-- Of an answer of the assistant: which run, how it stands, what it used; as it is sent.
ALTER TABLE message ADD COLUMN ai TEXT;

-- A question to the assistant and what came of it. The row is written together with the question, so
-- that no crash loses it and none answers it twice.
CREATE TABLE ai_run (
    run_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id      INTEGER  NOT NULL,
    question_seq INTEGER  NOT NULL,
    -- 1, and one more each time that it is asked again.
    attempt      INTEGER  NOT NULL,
    asker_id     INTEGER  NOT NULL CONSTRAINT ai_run_asker REFERENCES account,
    asked_at     INTEGER  NOT NULL,
    -- How far the asker had read before the question.
    read_seq     INTEGER  NOT NULL DEFAULT 0,
    -- The broken run that this one goes on with.
    goes_on      INTEGER,
    status       TEXT    NOT NULL CONSTRAINT ai_run_status CHECK (status IN ('queued', 'running', 'done')),
    -- Who looks after it, and when it was last seen to.
    node         INTEGER  NOT NULL DEFAULT 0,
    seen_at      INTEGER  NOT NULL,
    -- Who wants it to stop.
    stop_by      INTEGER,
    -- The answer, from its beginning on.
    message_seq  INTEGER,
    -- What was said so far, now and then; empty at the end, when the message has it.
    text         TEXT    NOT NULL DEFAULT '',
    provider     TEXT    NOT NULL DEFAULT '',
    model        TEXT    NOT NULL DEFAULT '',
    -- The messages that it reads: from, to.
    from_seq     INTEGER,
    to_seq       INTEGER,
    finish       TEXT,
    -- Why there is no answer, or no more of it.
    error        TEXT,
    input        INTEGER  NOT NULL DEFAULT 0,
    output       INTEGER  NOT NULL DEFAULT 0,
    micro_usd    INTEGER  NOT NULL DEFAULT 0,
    -- What was taken from the budgets, of which day.
    day          INTEGER  NOT NULL DEFAULT 0,
    reserved     INTEGER  NOT NULL DEFAULT 0,
    reserved_usd INTEGER  NOT NULL DEFAULT 0,
    first_ms     INTEGER,
    started_at   INTEGER,
    ended_at     INTEGER,
    CONSTRAINT ai_run_once UNIQUE (room_id, question_seq, attempt)
) STRICT;

-- One answer at a time.
CREATE UNIQUE INDEX ai_run_running ON ai_run (room_id) WHERE status = 'running';

-- What is to be done, or was left by a node that ended.
CREATE INDEX ai_run_open ON ai_run (room_id, run_id) WHERE status <> 'done';

-- The answer's own way to its run.
CREATE INDEX ai_run_of_message ON ai_run (room_id, message_seq) WHERE message_seq IS NOT NULL;

-- What was used in a day, UTC: by a user, in a room, in a club, by all.
CREATE TABLE ai_spend (
    day       INTEGER NOT NULL,
    what      TEXT    NOT NULL CONSTRAINT ai_spend_what CHECK (what IN ('user', 'room', 'club', 'all')),
    id        INTEGER NOT NULL,
    tokens    INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL,
    runs      INTEGER NOT NULL,
    CONSTRAINT ai_spend_pkey PRIMARY KEY (day, what, id)
) STRICT, WITHOUT ROWID;
