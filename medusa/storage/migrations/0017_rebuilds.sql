-- The key under which posts are marked, and how far chats were read to make the library anew.
CREATE TABLE tag_key (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB    NOT NULL
) STRICT;
CREATE TABLE rebuilds (
    chat_id INTEGER PRIMARY KEY, -- marked peer id
    before  INTEGER NOT NULL, -- messages from this number on were read
    seen    INTEGER NOT NULL, -- messages
    made    INTEGER NOT NULL, -- posts that the library did not know
    over    INTEGER NOT NULL
) STRICT;
