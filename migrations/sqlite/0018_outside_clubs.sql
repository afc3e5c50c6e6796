-- Moderation where there is no club: in lobbies and groups.

-- SQLite changes no column, so the two tables are made anew: what moderators did, and what they are to
-- look at, has no club everywhere.
CREATE TABLE audit_anew (
    audit_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Null for what the host of a group did.
    club_id     INTEGER CONSTRAINT audit_club REFERENCES club,
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
    detail      TEXT    NOT NULL DEFAULT '',
    CONSTRAINT audit_somewhere CHECK (club_id IS NOT NULL OR room_id IS NOT NULL)
) STRICT;

INSERT INTO audit_anew (audit_id, club_id, at, by_id, action, user_id, room_id, message_seq, until,
                        reason, detail)
SELECT audit_id, club_id, at, by_id, action, user_id, room_id, message_seq, until, reason, detail
  FROM audit;

DROP TABLE audit;
ALTER TABLE audit_anew RENAME TO audit;

CREATE INDEX audit_of_club ON audit (club_id, audit_id);
CREATE INDEX audit_of_room ON audit (room_id, audit_id) WHERE room_id IS NOT NULL;

CREATE TABLE report_anew (
    report_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Null in rooms of no club: admins of the instance look at it.
    club_id     INTEGER CONSTRAINT report_club REFERENCES club,
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

INSERT INTO report_anew (report_id, club_id, room_id, message_seq, author_id, by_id, filter_id, reason,
                         note, text, created_at, decided_at, decided_by, settlement)
SELECT report_id, club_id, room_id, message_seq, author_id, by_id, filter_id, reason, note, text,
       created_at, decided_at, decided_by, settlement
  FROM report;

DROP TABLE report;
ALTER TABLE report_anew RENAME TO report;

-- The two queues of a club, and those of the instance, newest first.
CREATE INDEX report_open ON report (club_id, report_id) WHERE decided_at IS NULL;
CREATE INDEX report_done ON report (club_id, report_id) WHERE decided_at IS NOT NULL;
CREATE INDEX report_of_author ON report (author_id) WHERE text IS NOT NULL;
CREATE INDEX report_of_reporter ON report (by_id, report_id);

-- What admins do in lobbies, and to what was reported to them, is told where the rest is that they do.
ALTER TABLE instance_audit ADD COLUMN room_id INTEGER CONSTRAINT instance_audit_room REFERENCES room;
ALTER TABLE instance_audit ADD COLUMN message_seq INTEGER;
ALTER TABLE instance_audit ADD COLUMN until INTEGER;
ALTER TABLE instance_audit ADD COLUMN detail TEXT NOT NULL DEFAULT '';

CREATE INDEX instance_audit_of_room ON instance_audit (room_id, audit_id) WHERE room_id IS NOT NULL;

-- In rooms of no club: until when somebody may not write there; since when they are to stay out, and
-- until when, where that ends by itself. All of it outlives leaving. In the rooms of clubs the
-- membership has them.
ALTER TABLE room_member ADD COLUMN muted_until INTEGER;
ALTER TABLE room_member ADD COLUMN banned_at INTEGER;
ALTER TABLE room_member ADD COLUMN ban_until INTEGER;

-- Who stays out of such a room, newest ban first.
CREATE INDEX room_member_banned ON room_member (room_id, banned_at, user_id)
 WHERE banned_at IS NOT NULL;
