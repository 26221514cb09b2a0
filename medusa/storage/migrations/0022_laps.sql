-- How long each job has spent in which stage: JSON, [stage, Unix time at which it began, seconds] of each, oldest first.
ALTER TABLE jobs ADD COLUMN laps TEXT NOT NULL DEFAULT '';
