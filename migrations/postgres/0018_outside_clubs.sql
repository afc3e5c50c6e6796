-- Moderation where there is no club: in lobbies and groups.

-- Null for what the host of a group did.
ALTER TABLE audit ALTER COLUMN club_id DROP NOT NULL;
ALTER TABLE audit ADD CONSTRAINT audit_somewhere CHECK (club_id IS NOT NULL OR room_id IS NOT NULL);

CREATE INDEX audit_of_room ON audit (room_id, audit_id) WHERE room_id IS NOT NULL;

-- Null in rooms of no club: admins of the instance look at it.
ALTER TABLE report ALTER COLUMN club_id DROP NOT NULL;

-- What admins do in lobbies, and to what was reported to them, is told where the rest is that they do.
ALTER TABLE instance_audit ADD COLUMN room_id BIGINT CONSTRAINT instance_audit_room REFERENCES room;
ALTER TABLE instance_audit ADD COLUMN message_seq BIGINT;
ALTER TABLE instance_audit ADD COLUMN until BIGINT;
ALTER TABLE instance_audit ADD COLUMN detail TEXT NOT NULL DEFAULT '';

CREATE INDEX instance_audit_of_room ON instance_audit (room_id, audit_id) WHERE room_id IS NOT NULL;

-- In rooms of no club: until when somebody may not write there; since when they are to stay out, and
-- until when, where that ends by itself. All of it outlives leaving. In the rooms of clubs the
-- membership has them.
ALTER TABLE room_member ADD COLUMN muted_until BIGINT;
ALTER TABLE room_member ADD COLUMN banned_at BIGINT;
ALTER TABLE room_member ADD COLUMN ban_until BIGINT;

-- Who stays out of such a room, newest ban first.
CREATE INDEX room_member_banned ON room_member (room_id, banned_at, user_id)
 WHERE banned_at IS NOT NULL;
