-- Rooms of every kind, and what each of their members wants to hear of them.

-- Whether people who are not inside may find and join the room; lobbies always are.
ALTER TABLE room ADD COLUMN is_listed BOOLEAN NOT NULL DEFAULT FALSE;
-- Lower case, for uniqueness and search.
ALTER TABLE room ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
-- Who may do more in a group room than others: its maker at first.
ALTER TABLE room ADD COLUMN host_id BIGINT CONSTRAINT room_host REFERENCES account;
-- The two of a private room, the smaller id first; null in all others.
ALTER TABLE room ADD COLUMN pair_low BIGINT CONSTRAINT room_pair_low REFERENCES account;
ALTER TABLE room ADD COLUMN pair_high BIGINT CONSTRAINT room_pair_high REFERENCES account;
-- Which messages make an inbox entry for members who have not said what they want.
ALTER TABLE room ADD COLUMN notify TEXT NOT NULL DEFAULT 'mentions'
    CONSTRAINT room_notify CHECK (notify IN ('all', 'mentions'));
-- Whether some member asked to hear of all messages though the room says otherwise.
ALTER TABLE room ADD COLUMN is_watched BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE room SET is_listed = TRUE, name_key = lower(name) WHERE kind = 'lobby';
UPDATE room SET host_id = created_by WHERE kind = 'group';
UPDATE room SET notify = 'all'
 WHERE kind IN ('group', 'private')
    OR club_id IN (SELECT club_id FROM club WHERE kind IN ('study', 'project'));

-- A name in the directory is given once.
CREATE UNIQUE INDEX room_name_key ON room (name_key) WHERE is_listed AND deleted_at IS NULL;

-- The directory, newest first.
CREATE INDEX room_listed ON room (room_id) WHERE is_listed AND deleted_at IS NULL;

-- Two people have one private room.
CREATE UNIQUE INDEX room_pair ON room (pair_low, pair_high) WHERE pair_low IS NOT NULL;

-- What the user wants to hear of; null is what the room says.
ALTER TABLE room_member ADD COLUMN notify TEXT
    CONSTRAINT room_member_notify CHECK (notify IN ('all', 'mentions', 'none'));
-- Hidden from the user's list as long as the room has no more messages than this.
ALTER TABLE room_member ADD COLUMN hidden_n BIGINT;
-- Whether a line told of the user's coming to a club room other than `general`.
ALTER TABLE room_member ADD COLUMN is_announced BOOLEAN NOT NULL DEFAULT FALSE;

-- Who hears of all messages by their own wish.
CREATE INDEX room_member_watching ON room_member (room_id, user_id) WHERE notify = 'all';

-- Whether members see who has read a message.
ALTER TABLE club ADD COLUMN seen_by BOOLEAN NOT NULL DEFAULT TRUE;

-- What a person says of how they are.
ALTER TABLE account ADD COLUMN status_text TEXT NOT NULL DEFAULT '';

-- Reading a room reads what it put into the inbox; and a room has one entry of new talk at a time.
CREATE INDEX notice_of_room ON notice (user_id, room_id)
 WHERE read_at IS NULL AND dropped_at IS NULL AND room_id IS NOT NULL;
