-- Who wants nothing to do with whom. It holds both ways, whoever said so.
CREATE TABLE block (
    user_id    BIGINT  NOT NULL CONSTRAINT block_user REFERENCES account,
    blocked_id BIGINT  NOT NULL CONSTRAINT block_blocked REFERENCES account,
    at         BIGINT  NOT NULL,
    CONSTRAINT block_pkey PRIMARY KEY (user_id, blocked_id),
    CONSTRAINT block_other CHECK (user_id <> blocked_id)
);

CREATE INDEX block_of_blocked ON block (blocked_id, user_id);

-- Whether nobody writes in a private room, because one of its two has blocked the other. Kept beside its
-- head, so that whoever writes reads it under the same lock.
ALTER TABLE room ADD COLUMN is_shut BOOLEAN NOT NULL DEFAULT FALSE;

-- Rules of no club are those of the lobbies.
ALTER TABLE club_filter ALTER COLUMN club_id DROP NOT NULL;

-- 0 stands for the lobbies.
CREATE INDEX club_filter_of ON club_filter (coalesce(club_id, 0), filter_id);
