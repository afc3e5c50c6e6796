-- Rooms that were deleted and still have a log.
CREATE INDEX room_deleted ON room (room_id) WHERE deleted_at IS NOT NULL AND horizon < head;

-- What a call was answered with that its caller may send again.
CREATE TABLE answer (
    user_id BIGINT NOT NULL CONSTRAINT answer_user REFERENCES account,
    -- The caller's own name for the call.
    key     TEXT    NOT NULL,
    -- Of what was asked: the call and its body.
    asked   TEXT    NOT NULL,
    at      BIGINT NOT NULL,
    -- Null while the call is being done.
    status  BIGINT,
    body    TEXT    NOT NULL DEFAULT '',
    CONSTRAINT answer_pkey PRIMARY KEY (user_id, key)
);

-- What ran out goes.
CREATE INDEX answer_age ON answer (at);
