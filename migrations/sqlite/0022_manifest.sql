-- What an answer reads, and what it names as its sources: kept with its run, as the answer itself may
-- be deleted. Null where nobody has noted it: the answer has not begun, or is older than this.
ALTER TABLE ai_run ADD COLUMN mode TEXT;
-- How many messages it reads, and as JSON how many it leaves out, and why.
ALTER TABLE ai_run ADD COLUMN used INTEGER;
ALTER TABLE ai_run ADD COLUMN left_out TEXT;
-- The seqs of its sources, as JSON.
ALTER TABLE ai_run ADD COLUMN cites TEXT;
