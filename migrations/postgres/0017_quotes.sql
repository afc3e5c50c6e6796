-- Which messages an answer without a model quotes: it is made of their words, and goes with them.
CREATE TABLE ai_quote (
    room_id     BIGINT NOT NULL,
    quoted_seq  BIGINT NOT NULL,
    -- The answer.
    message_seq BIGINT NOT NULL,
    CONSTRAINT ai_quote_pkey PRIMARY KEY (room_id, quoted_seq, message_seq)
);

INSERT INTO ai_quote (room_id, quoted_seq, message_seq)
SELECT DISTINCT message.room_id, (cite ->> 'seq')::bigint, message.seq
  FROM ai_run run
  JOIN message ON message.room_id = run.room_id AND message.seq = run.message_seq
 CROSS JOIN LATERAL jsonb_array_elements(message.ai::jsonb -> 'cites') cite
 WHERE run.provider = 'offline' AND message.ai IS NOT NULL AND NOT message.is_deleted;
