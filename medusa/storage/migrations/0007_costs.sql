-- What a job's way through its states costs is pages, and each index that knows of the state is one more of them.
-- One index holds all jobs that are asked for all the time: those that have not ended, and those whose end is untold.
-- In it, jobs of one state stand by their place, and where that is null by their number.
ALTER TABLE jobs ADD COLUMN place REAL
    GENERATED ALWAYS AS (CASE state WHEN 'queued' THEN turn WHEN 'waiting' THEN not_before END) VIRTUAL;
DROP INDEX jobs_live;
DROP INDEX jobs_running;
DROP INDEX jobs_turns;
DROP INDEX jobs_due;
DROP INDEX jobs_paused;
DROP INDEX jobs_by_chat;
DROP INDEX jobs_untold;
UPDATE jobs SET told = 0 WHERE told <> 0 AND state IN ('queued', 'running', 'waiting', 'paused');
CREATE INDEX jobs_open ON jobs (state, place, id, chat_id, host) WHERE told = 0;

-- How many jobs of each chat are in each state that is not final, so that nobody has to count them.
CREATE TABLE job_counts (
    state   TEXT    NOT NULL,
    chat_id INTEGER NOT NULL,
    jobs    INTEGER NOT NULL,
    PRIMARY KEY (state, chat_id)
) STRICT, WITHOUT ROWID;
INSERT INTO job_counts
SELECT state, chat_id, count(*) FROM jobs WHERE state IN ('queued', 'running', 'waiting', 'paused') GROUP BY 1, 2;
CREATE TRIGGER jobs_added AFTER INSERT ON jobs WHEN new.state IN ('queued', 'running', 'waiting', 'paused') BEGIN
    INSERT INTO job_counts VALUES (new.state, new.chat_id, 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_left AFTER UPDATE OF state ON jobs WHEN new.state <> old.state BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE state = old.state AND chat_id = old.chat_id;
END;
CREATE TRIGGER jobs_entered AFTER UPDATE OF state ON jobs
WHEN new.state <> old.state AND new.state IN ('queued', 'running', 'waiting', 'paused') BEGIN
    INSERT INTO job_counts VALUES (new.state, new.chat_id, 1) ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;
CREATE TRIGGER jobs_removed AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET jobs = jobs - 1 WHERE state = old.state AND chat_id = old.chat_id;
END;

-- Old messages are looked for once in a run, and not worth a page with each command.
DROP INDEX handled_by_age;
-- 64 random bits need nobody to watch them.
DROP INDEX outbox_random_ids;

-- A link is seldom posted in many chats; a size goes before a hash wherever one is asked for.
DROP INDEX library_by_source_here;
DROP INDEX library_by_content;
DROP INDEX library_by_size;
CREATE INDEX library_by_content ON library (size, content, as_document, id) WHERE content IS NOT NULL;
-- The words of new posts are indexed when somebody looks for words: all at once, which is less than one by one.
DROP TRIGGER library_added;
DROP TRIGGER library_removed;
CREATE TRIGGER library_removed AFTER DELETE ON library
WHEN old.id <= (SELECT max(id) FROM library_words_docsize) BEGIN
    INSERT INTO library_words (library_words, rowid, title, name, caption, link)
    VALUES ('delete', old.id, old.title, old.name, old.caption, old.link);
END;
