-- Where a job fetches from, so that no host gets too many visitors at once.
ALTER TABLE jobs ADD COLUMN host TEXT NOT NULL DEFAULT '';
DROP INDEX jobs_turns;
CREATE INDEX jobs_turns ON jobs (turn, id, host) WHERE state = 'queued';
-- What has its file needs no turn at a host.
CREATE INDEX jobs_ready ON jobs (turn, id) WHERE state = 'queued' AND stage IN ('process', 'upload', 'post');

-- The bytes of each day, in the time zone of this machine.
CREATE TABLE traffic (
    day  TEXT    NOT NULL PRIMARY KEY, -- such as 2026-03-01
    down INTEGER NOT NULL,
    up   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
