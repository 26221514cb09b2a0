-- What the owner has for sites, and nobody else is to see.
CREATE TABLE vault (
    kind    TEXT NOT NULL, -- cookies, token, header
    site    TEXT NOT NULL, -- host or domain in ASCII
    name    TEXT NOT NULL, -- of the token or header; empty for cookies
    value   TEXT NOT NULL, -- cookies as a cookies.txt
    created REAL NOT NULL, -- Unix seconds, as are the others
    expires REAL,          -- NULL while unknown
    used    REAL,          -- to the day
    warned  REAL,          -- the owner was last told that it expires
    PRIMARY KEY (site, kind, name)
) STRICT, WITHOUT ROWID;
