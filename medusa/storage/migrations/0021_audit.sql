-- What was done by whom. Each row proves the one before: proof = HMAC(key, proof before | id | at | seal), where the
-- seal is the HMAC of person, act and detail under the row's salt. Once the salt is gone, person and detail are gone for
-- good, and the chain still holds.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY, -- one more than the one before
    at     REAL    NOT NULL, -- Unix seconds
    act    TEXT    NOT NULL,
    person INTEGER,          -- NULL: erased
    detail TEXT,
    salt   BLOB,
    seal   BLOB    NOT NULL,
    proof  BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_by_person ON audit (person, id);
CREATE TABLE audit_key (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    key  BLOB NOT NULL
) STRICT;
CREATE TABLE audit_root ( -- the last entry that was dropped, from which the chain goes on
    id    INTEGER PRIMARY KEY,
    proof BLOB NOT NULL
) STRICT;
