-- The order of the queue. A turn is a key that never changes by itself, so that the next job is found by an index:
-- the arrival, a day sooner for a high priority and a day later for a low one. Thus nobody waits for ever.
ALTER TABLE jobs ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal' CHECK (priority IN ('high', 'normal', 'low'));
-- Milliseconds; those of the clock, but never before the arrival of the job before, whatever becomes of the clock.
ALTER TABLE jobs ADD COLUMN arrival INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET arrival = CAST(created * 1000 AS INTEGER) + ordinal, turn = CAST(created * 1000 AS INTEGER) + ordinal;

DROP INDEX jobs_queued;
CREATE INDEX jobs_running ON jobs (id) WHERE state = 'running';
CREATE INDEX jobs_turns ON jobs (turn, id) WHERE state = 'queued';
CREATE INDEX jobs_paused ON jobs (id) WHERE state = 'paused';
CREATE INDEX jobs_by_chat ON jobs (chat_id, state, not_before) WHERE state IN ('queued', 'running', 'waiting');
CREATE INDEX jobs_failed ON jobs (ended) WHERE state = 'failed';
