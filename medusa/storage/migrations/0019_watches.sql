-- Lists that are looked at again and again, and whose new items are posted. Times are Unix seconds.
CREATE TABLE watches (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- the number the owner sees
    chat_id    INTEGER NOT NULL, -- the command's message …
    message_id INTEGER NOT NULL,
    link       TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    spot       TEXT    NOT NULL, -- where it is posted, as model.Order.to
    "order"    TEXT    NOT NULL, -- JSON of model.Order: how its items are posted
    times      TEXT    NOT NULL, -- when it is looked at, as watches.times.Times writes itself
    filters    TEXT    NOT NULL, -- JSON of watches.filters.Filters
    active     INTEGER NOT NULL CHECK (active IN (0, 1)), -- 0: paused
    due        REAL    NOT NULL, -- when it is looked at next
    tail       INTEGER NOT NULL CHECK (tail IN (0, 1)), -- 1: its newest items stand at its end
    items      INTEGER, -- how many it had when it was last looked at, where it told
    looked     REAL    NOT NULL, -- when that was
    fails      INTEGER NOT NULL, -- how often in a row it could not be looked at …
    reason     TEXT    NOT NULL, -- … and why
    created    REAL    NOT NULL,
    UNIQUE (chat_id, message_id),
    UNIQUE (link, spot)
) STRICT;

CREATE TABLE watch_seen (
    watch_id INTEGER NOT NULL REFERENCES watches (id) ON DELETE CASCADE,
    key      TEXT    NOT NULL, -- the beginning of the SHA-256 of what tells an item from others
    PRIMARY KEY (watch_id, key)
) STRICT, WITHOUT ROWID;

-- Runs that have taken something. The number, negated, stands for the message of the batch.
CREATE TABLE watch_runs (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    watch_id INTEGER NOT NULL REFERENCES watches (id) ON DELETE CASCADE,
    at       REAL    NOT NULL,
    taken    INTEGER NOT NULL,
    passed   INTEGER NOT NULL, -- new items that the filters do not let through
    batch_id INTEGER REFERENCES batches (id)
) STRICT;
CREATE INDEX watch_runs_by_watch ON watch_runs (watch_id, id);
