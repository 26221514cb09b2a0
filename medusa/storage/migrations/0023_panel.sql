-- Who is logged in to the panel, and the password that opens it.

CREATE TABLE panel_sessions (
    token BLOB PRIMARY KEY,                     -- SHA-256 of what the browser holds
    person INTEGER NOT NULL,                    -- who has logged in, by Telegram's id; 0 is the owner
    created REAL NOT NULL,                      -- Unix seconds
    seen REAL NOT NULL                          -- Unix seconds, a few minutes old at most
) STRICT, WITHOUT ROWID;

CREATE TABLE panel_password (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    salt BLOB NOT NULL,
    hash BLOB NOT NULL                          -- scrypt
) STRICT;
