-- The confirmed parts are noted beside the data, with each one and without a commit.
ALTER TABLE uploads DROP COLUMN acked;
-- What proves that the bytes to be uploaded still are the same: of a stream, what its server says.
ALTER TABLE uploads ADD COLUMN version TEXT NOT NULL DEFAULT '';
