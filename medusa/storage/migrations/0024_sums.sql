-- What each job has moved over all its runs: JSON, see `medusa.model.Moved`.
ALTER TABLE jobs ADD COLUMN moved TEXT NOT NULL DEFAULT '[0,0,0,0,0,0]';

-- Sums over the jobs that have ended, by the local day of their end. Bytes, but for fetching, sending and making, which
-- are milliseconds. A job counts once: one that is tried again leaves the sums until it ends anew. Of each day they also
-- keep the least free bytes of the disk and the most bytes of memory that were seen.
CREATE TABLE day_sums (
    day       TEXT    NOT NULL PRIMARY KEY, -- such as 2026-03-01
    done      INTEGER NOT NULL DEFAULT 0,
    failed    INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    posted    INTEGER NOT NULL DEFAULT 0,
    down      INTEGER NOT NULL DEFAULT 0,
    up        INTEGER NOT NULL DEFAULT 0,
    saved     INTEGER NOT NULL DEFAULT 0, -- posted without being uploaded
    streamed  INTEGER NOT NULL DEFAULT 0, -- posted without ever being on the disk
    fetching  INTEGER NOT NULL DEFAULT 0,
    sending   INTEGER NOT NULL DEFAULT 0,
    making    INTEGER NOT NULL DEFAULT 0,
    free      INTEGER,
    memory    INTEGER
) STRICT, WITHOUT ROWID;

-- The same by the hour, in a ring of eight days, so that nothing has to be deleted: slot = hour % 192.
CREATE TABLE hour_sums (
    slot      INTEGER PRIMARY KEY,
    hour      INTEGER NOT NULL, -- Unix time / 3600
    done      INTEGER NOT NULL DEFAULT 0,
    failed    INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    posted    INTEGER NOT NULL DEFAULT 0,
    down      INTEGER NOT NULL DEFAULT 0,
    up        INTEGER NOT NULL DEFAULT 0,
    saved     INTEGER NOT NULL DEFAULT 0,
    streamed  INTEGER NOT NULL DEFAULT 0,
    fetching  INTEGER NOT NULL DEFAULT 0,
    sending   INTEGER NOT NULL DEFAULT 0,
    making    INTEGER NOT NULL DEFAULT 0,
    free      INTEGER,
    memory    INTEGER
) STRICT;

-- By source, at most sixty a day; what comes from further ones stands under the empty name.
CREATE TABLE source_sums (
    day    TEXT    NOT NULL,
    host   TEXT    NOT NULL,
    done   INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    posted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, host)
) STRICT, WITHOUT ROWID;

-- What one job adds to the sums (sign 1), or takes from them (-1).
CREATE VIEW tally AS
SELECT 1 AS sign, '' AS day, 0 AS hour, '' AS host, 0 AS done, 0 AS failed, 0 AS cancelled, 0 AS posted, 0 AS down,
       0 AS up, 0 AS saved, 0 AS streamed, 0 AS fetching, 0 AS sending, 0 AS making;
CREATE TRIGGER tally_days INSTEAD OF INSERT ON tally BEGIN
    INSERT INTO day_sums (day, done, failed, cancelled, posted, down, up, saved, streamed, fetching, sending, making)
    VALUES (new.day, new.sign * new.done, new.sign * new.failed, new.sign * new.cancelled, new.sign * new.posted,
            new.sign * new.down, new.sign * new.up, new.sign * new.saved, new.sign * new.streamed,
            new.sign * new.fetching, new.sign * new.sending, new.sign * new.making)
    ON CONFLICT DO UPDATE SET
        done = done + excluded.done, failed = failed + excluded.failed, cancelled = cancelled + excluded.cancelled,
        posted = posted + excluded.posted, down = down + excluded.down, up = up + excluded.up,
        saved = saved + excluded.saved, streamed = streamed + excluded.streamed,
        fetching = fetching + excluded.fetching, sending = sending + excluded.sending, making = making + excluded.making;
END;
CREATE TRIGGER tally_hours INSTEAD OF INSERT ON tally BEGIN
    DELETE FROM hour_sums WHERE new.sign > 0 AND slot = new.hour % 192 AND hour <> new.hour;
    INSERT INTO hour_sums (slot, hour) SELECT new.hour % 192, new.hour WHERE new.sign > 0 ON CONFLICT DO NOTHING;
    UPDATE hour_sums SET
        done = done + new.sign * new.done, failed = failed + new.sign * new.failed,
        cancelled = cancelled + new.sign * new.cancelled, posted = posted + new.sign * new.posted,
        down = down + new.sign * new.down, up = up + new.sign * new.up, saved = saved + new.sign * new.saved,
        streamed = streamed + new.sign * new.streamed, fetching = fetching + new.sign * new.fetching,
        sending = sending + new.sign * new.sending, making = making + new.sign * new.making
    WHERE slot = new.hour % 192 AND hour = new.hour;
END;
CREATE TRIGGER tally_sources INSTEAD OF INSERT ON tally WHEN new.done OR new.failed BEGIN
    INSERT INTO source_sums (day, host, done, failed, posted)
    SELECT new.day,
           CASE WHEN EXISTS (SELECT 1 FROM source_sums WHERE day = new.day AND host = new.host)
                  OR (new.sign > 0 AND (SELECT count(*) FROM source_sums WHERE day = new.day) < 60)
                THEN new.host ELSE '' END,
           new.sign * new.done, new.sign * new.failed, new.sign * new.posted
    WHERE true
    ON CONFLICT DO UPDATE SET
        done = done + excluded.done, failed = failed + excluded.failed, posted = posted + excluded.posted;
END;

-- A job that leaves the end is tried again; one that comes to its end counts, in the commit that says so.
CREATE TRIGGER jobs_uncounted AFTER UPDATE OF state ON jobs
WHEN new.state <> old.state AND old.state IN ('done', 'failed', 'cancelled') BEGIN
    INSERT INTO tally
    SELECT -1, coalesce(strftime('%Y-%m-%d', old.ended, 'unixepoch', 'localtime'), '1970-01-01'),
           CAST(coalesce(old.ended, 0) / 3600 AS INTEGER), substr(old.host, 1, 100), old.state = 'done',
           old.state = 'failed', old.state = 'cancelled', iif(old.state = 'done', old.size, 0), moved ->> 0, moved ->> 1,
           iif(old.state = 'done', max(0, old.size - (moved ->> 1)), 0),
           iif(old.state = 'done' AND (moved ->> 5), old.size, 0), moved ->> 2, moved ->> 3, moved ->> 4
    FROM (SELECT old.moved AS moved);
END;
CREATE TRIGGER jobs_counted AFTER UPDATE OF state ON jobs
WHEN new.state <> old.state AND new.state IN ('done', 'failed', 'cancelled') BEGIN
    INSERT INTO tally
    SELECT 1, coalesce(strftime('%Y-%m-%d', new.ended, 'unixepoch', 'localtime'), '1970-01-01'),
           CAST(coalesce(new.ended, 0) / 3600 AS INTEGER), substr(new.host, 1, 100), new.state = 'done',
           new.state = 'failed', new.state = 'cancelled', iif(new.state = 'done', new.size, 0), moved ->> 0, moved ->> 1,
           iif(new.state = 'done', max(0, new.size - (moved ->> 1)), 0),
           iif(new.state = 'done' AND (moved ->> 5), new.size, 0), moved ->> 2, moved ->> 3, moved ->> 4
    FROM (SELECT new.moved AS moved);
END;

-- When the owner was last told of what is wrong, and whether it still is, so that no start tells it again.
CREATE TABLE alerts (
    name  TEXT    NOT NULL PRIMARY KEY,
    told  REAL    NOT NULL, -- Unix seconds
    wrong INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
