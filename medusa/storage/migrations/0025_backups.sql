-- Who this state is. A restored copy goes on as another instance of the next generation, of the same lineage.
CREATE TABLE instance (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         TEXT    NOT NULL,
    lineage    TEXT    NOT NULL, -- the id of the first instance
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO instance
SELECT 1, id, id, 1 FROM (SELECT lower(hex(randomblob(8))) AS id);

-- What opens the backups. It is as secret as the state, in which it lies.
CREATE TABLE backup_key (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    key   BLOB    NOT NULL CHECK (length(key) = 32),
    shown INTEGER NOT NULL -- whether the owner has seen it
) STRICT;

-- The backups that were begun, and which of them were read back from where they went. Times are Unix seconds.
CREATE TABLE backups (
    name     TEXT    NOT NULL,
    place    TEXT    NOT NULL, -- a folder, or a chat's marked id
    at       REAL    NOT NULL,
    size     INTEGER NOT NULL, -- bytes
    messages TEXT    NOT NULL, -- JSON list of the messages that hold its parts
    good     INTEGER NOT NULL,
    PRIMARY KEY (name, place)
) STRICT, WITHOUT ROWID;

-- That this state was restored: what it knows ends at a time, and its jobs may have been posted since.
CREATE TABLE restored (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    since    REAL    NOT NULL, -- when the backup was made
    until    REAL    NOT NULL, -- when it was restored
    last_job INTEGER NOT NULL, -- the last job that the backup knows
    told     INTEGER NOT NULL  -- whether the owner has been told what it means
) STRICT;
