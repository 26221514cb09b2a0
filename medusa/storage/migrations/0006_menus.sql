-- What a reply of numbers to a message stands for.
CREATE TABLE menus (
    chat_id    INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    command    TEXT    NOT NULL, -- with {} where the chosen words stand
    choices    TEXT    NOT NULL, -- JSON list of words, the first of them chosen by 1
    many       INTEGER NOT NULL, -- whether several may be chosen
    at         REAL    NOT NULL, -- Unix seconds
    PRIMARY KEY (chat_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX menus_by_age ON menus (at);
