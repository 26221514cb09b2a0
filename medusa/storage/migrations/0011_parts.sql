-- A job may post several files. What a document looks like says which of them can stand in one album.
ALTER TABLE outbox ADD COLUMN look TEXT NOT NULL DEFAULT '';

-- The posts of one job bear its key, counted from 0; the first stands for all of them.
ALTER TABLE library ADD COLUMN photo INTEGER NOT NULL DEFAULT 0;
ALTER TABLE library ADD COLUMN part INTEGER NOT NULL DEFAULT 0;
ALTER TABLE library ADD COLUMN parts INTEGER NOT NULL DEFAULT 1;
-- Only first posts are found by words.
DROP TRIGGER library_removed;
CREATE TRIGGER library_removed AFTER DELETE ON library
WHEN old.part = 0 AND old.id <= (SELECT max(id) FROM library_words_docsize) BEGIN
    INSERT INTO library_words (library_words, rowid, title, name, caption, link)
    VALUES ('delete', old.id, old.title, old.name, old.caption, old.link);
END;
