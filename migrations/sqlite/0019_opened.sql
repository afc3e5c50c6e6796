-- Whether a member of a club has opened one of its rooms or written there: only then a line tells the room
-- that they go. The row alone says less: joining the club makes one for each room.
ALTER TABLE room_member ADD COLUMN is_opened INTEGER NOT NULL DEFAULT FALSE;

-- Who has read what was said since they came has opened it.
UPDATE room_member SET is_opened = TRUE WHERE read_seq > join_seq;
