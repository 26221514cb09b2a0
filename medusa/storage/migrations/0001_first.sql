-- Times are Unix seconds. Chats are marked peer ids as Telethon writes them.

CREATE TABLE jobs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- the number the owner sees; never given twice
    state      TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'paused', 'done', 'failed', 'cancelled')),
    stage      TEXT    NOT NULL,
    "order"    TEXT    NOT NULL, -- JSON of model.Order
    chat_id    INTEGER NOT NULL, -- the command's message …
    message_id INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL, -- … and which of its orders, from 0
    created    REAL    NOT NULL,
    attempts   INTEGER NOT NULL,
    not_before REAL    NOT NULL,
    reason     TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    size       INTEGER NOT NULL, -- bytes
    post_id    INTEGER,
    ended      REAL,
    told       INTEGER NOT NULL,
    files      TEXT    NOT NULL  -- JSON list of model.LocalFile
) STRICT;

-- An order is taken once, also when its message is seen again after a crash.
CREATE UNIQUE INDEX jobs_by_message ON jobs (chat_id, message_id, ordinal);
-- Ended jobs pile up; these keep what is asked all the time apart from them.
CREATE INDEX jobs_live ON jobs (id) WHERE state IN ('queued', 'running', 'waiting', 'paused');
CREATE INDEX jobs_queued ON jobs (id) WHERE state IN ('queued', 'waiting');
CREATE INDEX jobs_untold ON jobs (id) WHERE told = 0 AND state IN ('done', 'failed', 'cancelled');

CREATE INDEX jobs_due ON jobs (not_before) WHERE state = 'waiting';

-- What resuming an upload needs is of no use once its job has ended.
CREATE TRIGGER uploads_end AFTER UPDATE OF state ON jobs WHEN new.state IN ('done', 'failed', 'cancelled') BEGIN
    DELETE FROM uploads WHERE job_id = new.id;
END;

CREATE TABLE handled (
    chat_id    INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    at         REAL    NOT NULL,
    PRIMARY KEY (chat_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX handled_by_age ON handled (at);

CREATE TABLE outbox (
    job_id         INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    chat_id        INTEGER NOT NULL,
    random_id      INTEGER NOT NULL, -- signed 64 bits
    kind           TEXT    NOT NULL CHECK (kind IN ('media', 'text')),
    document_id    INTEGER,
    access_hash    INTEGER,
    file_reference BLOB,
    message_id     INTEGER, -- of the post, once it is made
    PRIMARY KEY (job_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX outbox_random_ids ON outbox (chat_id, random_id);

CREATE TABLE uploads (
    job_id    INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq       INTEGER NOT NULL,
    file_id   INTEGER NOT NULL, -- signed 64 bits
    part_size INTEGER NOT NULL, -- bytes
    size      INTEGER NOT NULL, -- bytes
    acked     BLOB    NOT NULL, -- one bit a part
    PRIMARY KEY (job_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE boards (
    chat_id    INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL -- the chat's live message
) STRICT;

CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE telegram_login (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    dc_id      INTEGER NOT NULL,
    address    TEXT    NOT NULL,
    port       INTEGER NOT NULL,
    auth_key   BLOB    NOT NULL CHECK (length(auth_key) BETWEEN 200 AND 256), -- Telethon drops leading zeros
    takeout_id INTEGER
) STRICT;

CREATE TABLE telegram_entities (
    id       INTEGER PRIMARY KEY,
    hash     INTEGER NOT NULL,
    username TEXT, -- lower case
    phone    TEXT,
    name     TEXT
) STRICT;
CREATE INDEX telegram_usernames ON telegram_entities (username) WHERE username IS NOT NULL;
CREATE INDEX telegram_phones ON telegram_entities (phone) WHERE phone IS NOT NULL;
CREATE INDEX telegram_names ON telegram_entities (name) WHERE name IS NOT NULL;

CREATE TABLE telegram_updates (
    entity_id INTEGER PRIMARY KEY, -- 0 is the account, others are channels
    pts       INTEGER NOT NULL,
    qts       INTEGER NOT NULL,
    date      INTEGER NOT NULL,
    seq       INTEGER NOT NULL
) STRICT;
