-- What sites have answered about links; it goes when it is old.
CREATE TABLE answers (
    key    TEXT    PRIMARY KEY,
    answer BLOB    NOT NULL, -- compressed with zlib
    at     REAL    NOT NULL  -- Unix seconds
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_age ON answers (at);

-- Commands that take long and are under way: a start does them again.
CREATE TABLE slow_commands (
    chat_id    INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    text       TEXT    NOT NULL,
    reply_to   INTEGER,
    private    INTEGER NOT NULL,
    at         REAL    NOT NULL, -- Unix seconds
    PRIMARY KEY (chat_id, message_id)
) STRICT, WITHOUT ROWID;
