-- What a text looks like, where it is not plain: safe HTML, made by the server when it took the text.
-- Kept, so that nobody renders a message who only reads it. A tombstone shows nothing.
ALTER TABLE message ADD COLUMN html TEXT
    CONSTRAINT message_html CHECK (html IS NULL OR text IS NOT NULL);
