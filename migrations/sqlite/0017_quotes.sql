-- Which messages an answer without a model quotes: it is made of their words, and goes with them.
CREATE TABLE ai_quote (
    room_id     INTEGER NOT NULL,
    quoted_seq  INTEGER NOT NULL,
    -- The answer.
    message_seq INTEGER NOT NULL,
    CONSTRAINT ai_quote_pkey PRIMARY KEY (room_id, quoted_seq, message_seq)
) STRICT, WITHOUT ROWID;

INSERT INTO ai_quote (room_id, quoted_seq, message_seq)
SELECT DISTINCT message.room_id, json_extract(cite.value, '$.seq'), message.seq
  FROM ai_run run
  JOIN message ON message.room_id = run.room_id AND message.seq = run.message_seq
  JOIN json_each(message.ai, '$.cites') cite
 WHERE run.provider = 'offline' AND message.ai IS NOT NULL AND NOT message.is_deleted;
