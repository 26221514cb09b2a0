-- What batches say beside their posts. Page 0 is the summary in Saved Messages, from 1 on they are the index.
CREATE TABLE batch_pages (
    batch_id   INTEGER NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    page       INTEGER NOT NULL,
    random_id  INTEGER NOT NULL, -- signed 64 bits, committed before the message is sent
    message_id INTEGER, -- once it is known to stand there
    digest     BLOB    NOT NULL, -- SHA-256 of what it is known to read, else empty
    PRIMARY KEY (batch_id, page)
) STRICT, WITHOUT ROWID;
ALTER TABLE batches ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0; -- whether it has an index

CREATE INDEX library_by_message ON library (chat_id, message_id);
