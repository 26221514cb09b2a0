-- The owner's picture that is to be the thumbnail of all posts.

CREATE TABLE thumb (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    picture BLOB NOT NULL,                      -- a JPEG that Telegram takes as a thumbnail
    at REAL NOT NULL                            -- Unix seconds
) STRICT;
