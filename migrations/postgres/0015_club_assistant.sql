-- What a club says of the assistant, for those of its rooms that say nothing of it themselves.
ALTER TABLE club ADD COLUMN assistant TEXT NOT NULL DEFAULT 'mention'
    CONSTRAINT club_assistant CHECK (assistant IN ('off', 'mention', 'always'));
ALTER TABLE club ADD COLUMN persona TEXT NOT NULL DEFAULT '';
ALTER TABLE club ADD COLUMN ai_language TEXT NOT NULL DEFAULT '';
ALTER TABLE club ADD COLUMN ai_model TEXT NOT NULL DEFAULT '';

-- Whether a room said itself what wakes the assistant. `room.assistant` is what holds in any case: of
-- a room that did not, it follows the club.
ALTER TABLE room ADD COLUMN has_own_waking BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE room SET has_own_waking = TRUE WHERE assistant <> 'mention';

-- What somebody has asked, and used: for their own eyes, and to be erased.
CREATE INDEX ai_run_of_asker ON ai_run (asker_id, run_id);
CREATE INDEX ai_spend_of ON ai_spend (what, id, day);
