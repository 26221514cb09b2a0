-- Who else is obeyed, and whose jobs, posts and batches are whose. People are Telegram's user ids; 0 is the owner.
CREATE TABLE people (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL, -- as Telegram shows it
    role         TEXT    NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
    bytes_a_day  INTEGER,          -- NULL: no limit
    jobs_an_hour INTEGER,
    trusted      INTEGER NOT NULL DEFAULT 0, -- the owner's cookies and tokens serve this person's jobs, too
    added        REAL    NOT NULL
) STRICT;

ALTER TABLE jobs ADD COLUMN person INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_by_person ON jobs (person, created) WHERE person <> 0;
ALTER TABLE library ADD COLUMN person INTEGER NOT NULL DEFAULT 0;
CREATE INDEX library_by_person ON library (person, id) WHERE person <> 0;
ALTER TABLE menus ADD COLUMN person INTEGER NOT NULL DEFAULT 0; -- who may choose from it
ALTER TABLE slow_commands ADD COLUMN person INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN person INTEGER NOT NULL DEFAULT 0;
