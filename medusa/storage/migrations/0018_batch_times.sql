-- When a batch begins, and how soon its jobs get their turn.
ALTER TABLE batches ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal' CHECK (priority IN ('high', 'normal', 'low'));
ALTER TABLE batches ADD COLUMN not_before REAL NOT NULL DEFAULT 0; -- when it begins at the earliest
