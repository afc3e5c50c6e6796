-- What goes for good: accounts that are erased, and what a room keeps only for a time.

-- An account that is being erased, from the moment that it is shut. What it wrote goes in pieces, so
-- that the writer is never held for long; the row says how far that is, and stays.
CREATE TABLE erasure (
    user_id     INTEGER PRIMARY KEY CONSTRAINT erasure_user REFERENCES account,
    -- Who wanted it: the user, or an admin.
    by_id       INTEGER NOT NULL CONSTRAINT erasure_by REFERENCES account,
    at          INTEGER NOT NULL,
    -- What is being done: clubs and rooms are left, messages and reactions go, then all other traces;
    -- and once more, for what was on its way when the account was shut.
    stage       TEXT    NOT NULL DEFAULT 'places'
                CONSTRAINT erasure_stage CHECK (stage IN ('places', 'talk', 'traces', 'again')),
    -- Rooms up to this one are done, and behind it messages up to this cid; of traces, notices.
    place       INTEGER NOT NULL DEFAULT 0,
    cid         TEXT    NOT NULL DEFAULT '',
    -- Until then one node works on it.
    lease_until INTEGER NOT NULL DEFAULT 0,
    done_at     INTEGER
) STRICT;

-- What a node that ended has left.
CREATE INDEX erasure_undone ON erasure (lease_until) WHERE done_at IS NULL;

-- Names of erased accounts that are to be had again.
CREATE INDEX account_deleted ON account (deleted_at) WHERE deleted_at IS NOT NULL;

-- What people of erased accounts wrote in reports.
CREATE INDEX report_of_author ON report (author_id) WHERE text IS NOT NULL;
CREATE INDEX report_of_reporter ON report (by_id, report_id);

-- What admins of the instance did. Rows are only ever added, in the transaction of the act.
CREATE TABLE instance_audit (
    audit_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    by_id    INTEGER NOT NULL CONSTRAINT instance_audit_by REFERENCES account,
    action   TEXT    NOT NULL,
    user_id  INTEGER CONSTRAINT instance_audit_user REFERENCES account,
    -- In the words of the admin.
    reason   TEXT    NOT NULL DEFAULT ''
) STRICT;

-- Days after which what is said goes; null is for ever.
ALTER TABLE room ADD COLUMN retention_days INTEGER;
-- The seq up to which it has gone, and the ordinal of the last message there: nobody reads, resumes
-- or counts what lies below.
ALTER TABLE room ADD COLUMN horizon INTEGER NOT NULL DEFAULT 0;
ALTER TABLE room ADD COLUMN horizon_n INTEGER NOT NULL DEFAULT 0;

-- Rooms that keep what is said for a time.
CREATE INDEX room_retention ON room (room_id) WHERE retention_days IS NOT NULL AND deleted_at IS NULL;
