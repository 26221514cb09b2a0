-- The chat that a job posts in, which need not be that of its command: jobs for one in trouble wait together.
ALTER TABLE jobs ADD COLUMN target INTEGER
    GENERATED ALWAYS AS (coalesce(CAST(json_extract("order", '$.to') AS INTEGER), chat_id)) VIRTUAL;
