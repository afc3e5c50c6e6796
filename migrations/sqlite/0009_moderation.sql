-- What a room says instead of the table of permissions: `pin=owner attach=nobody`.
ALTER TABLE room ADD COLUMN permissions TEXT NOT NULL DEFAULT '';

-- Goes up when something about the room changes that its log does not tell: who is out, who is
-- muted, what is allowed. A node that missed the news compares it, and reads again.
ALTER TABLE room ADD COLUMN rev INTEGER NOT NULL DEFAULT 0;

-- Who stays out of a club, newest ban first.
CREATE INDEX membership_banned ON membership (club_id, left_at, user_id) WHERE status = 'banned';

-- Bans that end.
CREATE INDEX membership_ban_end ON membership (ban_until)
 WHERE status = 'banned' AND ban_until IS NOT NULL;

-- When somebody wrote last in a room that has a pace. Written only while it has one.
CREATE TABLE pace (
    room_id  INTEGER NOT NULL CONSTRAINT pace_room REFERENCES room,
    user_id  INTEGER NOT NULL CONSTRAINT pace_user REFERENCES account,
    wrote_at INTEGER NOT NULL,
    CONSTRAINT pace_pkey PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

-- What a club does not want to read. A rule is made and removed, never changed, and an id is never
-- given twice: so the number of rules and the newest of them tell one set from every other.
CREATE TABLE club_filter (
    filter_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    club_id    INTEGER NOT NULL CONSTRAINT club_filter_club REFERENCES club,
    kind       TEXT    NOT NULL CONSTRAINT club_filter_kind CHECK (kind IN ('word', 'regex')),
    pattern    TEXT    NOT NULL,
    action     TEXT    NOT NULL CONSTRAINT club_filter_action CHECK (action IN ('reject', 'mask', 'report')),
    made_by    INTEGER NOT NULL CONSTRAINT club_filter_made_by REFERENCES account,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX club_filter_of_club ON club_filter (club_id, filter_id);

-- A message that somebody, or a rule, wants moderators to look at.
CREATE TABLE report (
    report_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    club_id     INTEGER NOT NULL CONSTRAINT report_club REFERENCES club,
    room_id     INTEGER NOT NULL CONSTRAINT report_room REFERENCES room,
    message_seq INTEGER NOT NULL,
    -- Who wrote the message.
    author_id   INTEGER NOT NULL CONSTRAINT report_author REFERENCES account,
    -- Who reports; null is a rule of the club.
    by_id       INTEGER CONSTRAINT report_by REFERENCES account,
    filter_id   INTEGER,
    reason      TEXT    NOT NULL,
    note        TEXT    NOT NULL DEFAULT '',
    -- The message as it stood. Kept until the report is decided, whatever its author does with it
    -- meanwhile, and no longer.
    text        TEXT,
    created_at  INTEGER NOT NULL,
    decided_at  INTEGER,
    decided_by  INTEGER CONSTRAINT report_decided_by REFERENCES account,
    settlement  TEXT,
    CONSTRAINT report_once UNIQUE (room_id, message_seq, by_id),
    CONSTRAINT report_decided CHECK ((decided_at IS NULL) = (settlement IS NULL)),
    CONSTRAINT report_text CHECK (decided_at IS NULL OR text IS NULL)
) STRICT;

-- The two queues of a club, newest first.
CREATE INDEX report_open ON report (club_id, report_id) WHERE decided_at IS NULL;
CREATE INDEX report_done ON report (club_id, report_id) WHERE decided_at IS NOT NULL;

-- What moderators did. Rows are only ever added, in the transaction of the act.
CREATE TABLE audit (
    audit_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    club_id     INTEGER NOT NULL CONSTRAINT audit_club REFERENCES club,
    at          INTEGER NOT NULL,
    by_id       INTEGER NOT NULL CONSTRAINT audit_by REFERENCES account,
    action      TEXT    NOT NULL,
    -- Whom it was done to.
    user_id     INTEGER CONSTRAINT audit_user REFERENCES account,
    room_id     INTEGER CONSTRAINT audit_room REFERENCES room,
    message_seq INTEGER,
    -- Until when, of what ends by itself.
    until       INTEGER,
    -- In the words of the moderator.
    reason      TEXT    NOT NULL DEFAULT '',
    -- What changed, for acts that have more to say.
    detail      TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX audit_of_club ON audit (club_id, audit_id);
