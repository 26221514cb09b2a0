-- A live message is noted before it is sent, by the random id under which it is: Telegram answers that again with the
-- same message, so that none is left behind by a kill. The live messages of the moment are left where they are.
DROP TABLE boards;
CREATE TABLE boards (
    chat_id   INTEGER PRIMARY KEY,
    random_id INTEGER NOT NULL -- signed 64 bits
) STRICT;
