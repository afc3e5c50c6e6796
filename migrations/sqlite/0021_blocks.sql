-- Who wants nothing to do with whom. It holds both ways, whoever said so.
CREATE TABLE block (
    user_id    INTEGER NOT NULL CONSTRAINT block_user REFERENCES account,
    blocked_id INTEGER NOT NULL CONSTRAINT block_blocked REFERENCES account,
    at         INTEGER NOT NULL,
    CONSTRAINT block_pkey PRIMARY KEY (user_id, blocked_id),
    CONSTRAINT block_other CHECK (user_id <> blocked_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX block_of_blocked ON block (blocked_id, user_id);

-- Whether nobody writes in a private room, because one of its two has blocked the other. Kept beside its
-- head, so that whoever writes reads it under the same lock.
ALTER TABLE room ADD COLUMN is_shut INTEGER NOT NULL DEFAULT FALSE;

-- SQLite changes no column, so the table is made anew: rules of no club are those of the lobbies.
CREATE TABLE club_filter_anew (
    filter_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    club_id    INTEGER CONSTRAINT club_filter_club REFERENCES club,
    kind       TEXT    NOT NULL CONSTRAINT club_filter_kind CHECK (kind IN ('word', 'regex')),
    pattern    TEXT    NOT NULL,
    action     TEXT    NOT NULL CONSTRAINT club_filter_action CHECK (action IN ('reject', 'mask', 'report')),
    made_by    INTEGER NOT NULL CONSTRAINT club_filter_made_by REFERENCES account,
    created_at INTEGER NOT NULL
) STRICT;

INSERT INTO club_filter_anew (filter_id, club_id, kind, pattern, action, made_by, created_at)
SELECT filter_id, club_id, kind, pattern, action, made_by, created_at FROM club_filter;

-- An id is never given twice, also not that of a rule which is gone.
DELETE FROM sqlite_sequence WHERE name = 'club_filter_anew';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'club_filter_anew', seq FROM sqlite_sequence WHERE name = 'club_filter';

DROP TABLE club_filter;
ALTER TABLE club_filter_anew RENAME TO club_filter;

CREATE INDEX club_filter_of_club ON club_filter (club_id, filter_id);

-- 0 stands for the lobbies.
CREATE INDEX club_filter_of ON club_filter (coalesce(club_id, 0), filter_id);
