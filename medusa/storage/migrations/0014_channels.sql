-- The channels and groups that the owner has registered: commands are obeyed there, and their titles name them.
CREATE TABLE channels (
    chat_id  INTEGER PRIMARY KEY, -- marked
    title    TEXT    NOT NULL,
    kind     TEXT    NOT NULL,    -- channel, group or forum
    defaults TEXT    NOT NULL     -- JSON: what holds for posts there where a command does not say otherwise
) STRICT;

-- Channels that are being made, with the ids (JSON) of those that had the title before, so that none is made twice.
CREATE TABLE making (
    title  TEXT PRIMARY KEY,
    before TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Where posts go when the command does not say so: the first rule that fits decides.
CREATE TABLE routes (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    host  TEXT    NOT NULL, -- empty for any
    kind  TEXT    NOT NULL, -- empty for any
    above INTEGER NOT NULL, -- bytes; 0 for any
    below INTEGER NOT NULL, -- bytes; 0 for any
    spot  TEXT    NOT NULL, -- chat, or chat/topic
    UNIQUE (host, kind, above, below, spot)
) STRICT;

-- In forums, a command stands in a topic.
ALTER TABLE slow_commands ADD COLUMN topic INTEGER;
