-- What somebody has used today: the jobs that have not ended, and those that did since midnight.
CREATE INDEX jobs_by_use ON jobs (person, ended) WHERE person <> 0;
-- The queue of each person, and what each has asked for, so that nobody's has to be looked for among those of others.
CREATE INDEX jobs_of_others ON jobs (state, person, place, id, host) WHERE told = 0 AND person <> 0;
CREATE INDEX jobs_of_person ON jobs (person, id) WHERE person <> 0;
-- The owner's are found in the queue of all, which need not be read itself for that.
DROP INDEX jobs_open;
CREATE INDEX jobs_open ON jobs (state, place, id, chat_id, host, person) WHERE told = 0;
-- The chats, by their marked ids with spaces between, into which somebody may post beside the one of the command.
ALTER TABLE people ADD COLUMN chats TEXT NOT NULL DEFAULT '';
-- What somebody else wrote, where message_id is the account's reply that stands in for it.
ALTER TABLE slow_commands ADD COLUMN original INTEGER;
-- The number of the newest entry of the record, by which is missed what was cut off at its end.
ALTER TABLE audit_key ADD COLUMN head INTEGER NOT NULL DEFAULT 0;
UPDATE audit_key SET head = ifnull((SELECT max(id) FROM audit), ifnull((SELECT id FROM audit_root), 0));
