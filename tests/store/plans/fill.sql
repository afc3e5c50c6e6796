-- Tables of fifty thousand rows and more, written past all checks. `$mina` and `$lobby` are put in.
SET session_replication_role = replica;

INSERT INTO account (username, username_key, display_name, display_key, password_hash, role, locale, created_at)
SELECT 'many-' || i, 'many-' || i, 'Many ' || i, 'many ' || i, 'hash', 'user', 'en', i
  FROM generate_series(1, 50000) i;

INSERT INTO inbox (user_id, head) SELECT user_id, 1 FROM account WHERE user_id <> $mina
    ON CONFLICT (user_id) DO UPDATE SET head = 1;

-- Everybody is in the lobby, where somebody called all of them.
INSERT INTO room_member (room_id, user_id, joined_at, is_inside)
SELECT $lobby, user_id, user_id, TRUE FROM account ON CONFLICT DO NOTHING;
INSERT INTO mention (user_id, room_id, n) SELECT user_id, $lobby, 1 FROM account;
INSERT INTO notice (user_id, seq, kind, room_id, message_seq, from_id, title, body, event, at)
SELECT user_id, 1, 'mention', $lobby, 1, $mina, 'general', 'all of you', '{}', user_id
  FROM account WHERE user_id <> $mina;

-- Five thousand clubs with ten rooms and ten members each.
INSERT INTO club (name, name_key, greeting, description, kind, category, visibility, join_policy,
                  member_count, owner_id, created_at)
SELECT 'many-' || i, 'many-' || i, '', '', 'community', 'other', 'public', 'open', 10, $mina, i
  FROM generate_series(1, 5000) i;
INSERT INTO room (kind, club_id, name, is_general, head, n, created_at)
SELECT 'member', club_id, 'room-' || i, i = 1, 1, 1, i
  FROM club CROSS JOIN generate_series(1, 10) i;
INSERT INTO membership (club_id, user_id, role, status, joined_at)
SELECT first.club_id + account.user_id % 5000, account.user_id, 'member', 'active', account.user_id
  FROM account CROSS JOIN (SELECT min(club_id) AS club_id FROM club) first
 WHERE account.user_id <> $mina;

-- They have opened some of these rooms.
INSERT INTO room_member (room_id, user_id, read_n, read_seq, is_opened)
SELECT room.room_id, m.user_id, 1, 1, TRUE
  FROM membership m JOIN room ON room.club_id = m.club_id AND room.name IN ('room-1', 'room-2', 'room-3');

-- Mina is in twenty of them; in the first of their rooms there is much talk.
INSERT INTO membership (club_id, user_id, role, status, joined_at)
SELECT club_id, $mina, 'member', 'active', club_id FROM club ORDER BY club_id LIMIT 20;
INSERT INTO message (room_id, seq, n, author_id, cid, text, at)
SELECT room_id, 1, 1, $mina, 'first', 'first', 1 FROM room WHERE club_id IS NOT NULL;
INSERT INTO room_event (room_id, seq, at, n, body)
SELECT room_id, 1, 1, 1, 'first' FROM room WHERE club_id IS NOT NULL;
INSERT INTO message (room_id, seq, n, author_id, cid, text, at)
SELECT room.room_id, i, i, $mina, 'cid-' || i, 'message ' || i, 1766000000000 + i
  FROM (SELECT min(room_id) AS room_id FROM room WHERE club_id IS NOT NULL) room
 CROSS JOIN generate_series(2, 50000) i;
INSERT INTO room_event (room_id, seq, at, n, body) SELECT room_id, seq, at, n, text FROM message WHERE seq > 1;
UPDATE room SET head = 50000, n = 50000
 WHERE room_id = (SELECT min(room_id) FROM room WHERE club_id IS NOT NULL);

-- The index of the search has all but the last of it.
INSERT INTO search_place (room_id, seq)
SELECT room_id, CASE WHEN head > 1 THEN head - 1000 ELSE head END FROM room WHERE club_id IS NOT NULL;
INSERT INTO search_entry (spot, room_id, seq, tokens)
SELECT (at << 10) | (room_id & 1023), room_id, seq, ARRAY[(seq % 1000)::int, (seq / 7)::int]
  FROM message WHERE seq BETWEEN 2 AND 49000;
