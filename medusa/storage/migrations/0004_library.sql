-- What was posted where. A row is removed once its post is found to be gone.
CREATE TABLE library (
    id             INTEGER PRIMARY KEY AUTOINCREMENT, -- the number that lists show; never given twice
    source         BLOB    NOT NULL, -- SHA-256 of the normalised link and of what shapes the file
    link           TEXT    NOT NULL, -- as it was given
    as_document    INTEGER NOT NULL,
    content        BLOB,             -- SHA-256 of the file, where all of it was at hand before it was sent
    size           INTEGER NOT NULL, -- bytes
    name           TEXT    NOT NULL,
    title          TEXT    NOT NULL,
    mime           TEXT    NOT NULL,
    media          TEXT,             -- JSON of model.Media
    caption        TEXT    NOT NULL,
    spoiler        INTEGER NOT NULL,
    document_id    INTEGER NOT NULL,
    access_hash    INTEGER NOT NULL,
    file_reference BLOB    NOT NULL,
    chat_id        INTEGER NOT NULL,
    message_id     INTEGER NOT NULL,
    at             REAL    NOT NULL,
    job_id         INTEGER NOT NULL  -- whose row may be gone
) STRICT;
CREATE INDEX library_by_source ON library (source, id);
CREATE INDEX library_by_source_here ON library (source, chat_id, id);
CREATE INDEX library_by_content ON library (content, as_document, id) WHERE content IS NOT NULL;
CREATE INDEX library_by_size ON library (size) WHERE content IS NOT NULL;
CREATE INDEX library_by_document ON library (document_id, id);

-- Words and their beginnings, without accents; the text itself stays in the table above.
CREATE VIRTUAL TABLE library_words USING fts5 (
    title, name, caption, link,
    content = 'library', content_rowid = 'id', prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER library_added AFTER INSERT ON library BEGIN
    INSERT INTO library_words (rowid, title, name, caption, link)
    VALUES (new.id, new.title, new.name, new.caption, new.link);
END;
CREATE TRIGGER library_removed AFTER DELETE ON library BEGIN
    INSERT INTO library_words (library_words, rowid, title, name, caption, link)
    VALUES ('delete', old.id, old.title, old.name, old.caption, old.link);
END;

ALTER TABLE outbox ADD COLUMN content BLOB; -- SHA-256 of the document's file, where it is known
