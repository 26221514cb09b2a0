-- Lists of links that are posted in order. Chats are marked peer ids, times are Unix seconds.
CREATE TABLE batches (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- the number the owner sees
    chat_id    INTEGER NOT NULL, -- the command's message …
    message_id INTEGER NOT NULL, -- … which also shows how far it is
    name       TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('planned', 'running', 'paused', 'done', 'cancelled')),
    places     TEXT    NOT NULL CHECK (places IN ('', 'text', 'file', 'turns', 'none')), -- how order is kept; '' until tried
    spot       TEXT    NOT NULL, -- where it is posted, as model.Spot writes itself
    items      INTEGER NOT NULL, -- how many it has
    reason     TEXT    NOT NULL, -- why it does not go on just now
    created    REAL    NOT NULL,
    started    REAL,
    ended      REAL,
    UNIQUE (chat_id, message_id)
) STRICT;
CREATE INDEX batches_open ON batches (id) WHERE state IN ('running', 'paused');

CREATE TABLE batch_items (
    batch_id  INTEGER NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    seq       INTEGER NOT NULL, -- its place, from 1 on
    line      INTEGER NOT NULL, -- of the list, from 1 on
    name      TEXT    NOT NULL, -- what to call it before its title is known
    "order"   TEXT    NOT NULL, -- JSON of model.Order
    state     TEXT    NOT NULL CHECK (state IN ('waiting', 'open', 'done', 'failed', 'cancelled', 'dropped')),
    random_id INTEGER, -- of the message that keeps its place, signed 64 bits
    slot      INTEGER, -- that message, once it is there
    job_id    INTEGER REFERENCES jobs (id),
    reason    TEXT    NOT NULL, -- why it has failed
    PRIMARY KEY (batch_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_items_by_job ON batch_items (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX batch_items_by_state ON batch_items (batch_id, state, seq);
