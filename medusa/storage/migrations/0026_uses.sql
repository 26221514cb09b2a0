-- What somebody has used today: the jobs that have not ended, and those that did since midnight.
CREATE INDEX jobs_by_use ON jobs (person, ended) WHERE person <> 0;
-- The chats, by their marked ids with spaces between, into which somebody may post beside the one of the command.
ALTER TABLE people ADD COLUMN chats TEXT NOT NULL DEFAULT '';
-- What somebody else wrote, where message_id is the account's reply that stands in for it.
ALTER TABLE slow_commands ADD COLUMN original INTEGER;
