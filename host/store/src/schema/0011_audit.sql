-- The audit log. `chain` is the number of a tenant, 0 is the host's own chain. `entry` is the
-- canonical text that `hash` is made of, with the hash of the entry before it.
CREATE TABLE audit_entries (
    chain  INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    entry  TEXT NOT NULL,
    hash   BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (chain, number)
) STRICT, WITHOUT ROWID;

-- What an entry tells beside. Erasing it leaves the entry, which has its hash.
CREATE TABLE audit_details (
    chain   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    details TEXT NOT NULL,
    PRIMARY KEY (chain, number),
    FOREIGN KEY (chain, number) REFERENCES audit_entries (chain, number)
) STRICT, WITHOUT ROWID;

-- Signed heads of the chains.
CREATE TABLE audit_checkpoints (
    chain      INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    key        BLOB NOT NULL CHECK (length(key) = 32),
    signature  BLOB NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (chain, number)
) STRICT, WITHOUT ROWID;

-- Entries are appended, one after the other. The first trigger stands in the way of
-- INSERT OR REPLACE too, for which no trigger on deletion is called.
CREATE TRIGGER audit_entries_in_order BEFORE INSERT ON audit_entries
WHEN NEW.number <> 1 + coalesce(
    (SELECT max(number) FROM audit_entries WHERE chain = NEW.chain), 0)
BEGIN SELECT RAISE(ABORT, 'the audit log takes one entry after the other'); END;

CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;

CREATE TRIGGER audit_entries_remain BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'nothing is deleted from the audit log'); END;

CREATE TRIGGER audit_details_once BEFORE INSERT ON audit_details
WHEN EXISTS (SELECT 1 FROM audit_details WHERE chain = NEW.chain AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;

CREATE TRIGGER audit_details_stay BEFORE UPDATE ON audit_details
BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END;

-- Details are erased in order that what they say is gone; that they were there is not.
CREATE TRIGGER audit_details_leave_a_hash BEFORE DELETE ON audit_details
WHEN NOT EXISTS (
    SELECT 1 FROM audit_entries WHERE chain = OLD.chain AND number = OLD.number
        AND json_extract(entry, '$.details_hash') IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'details are only erased where their hash stays'); END;

CREATE TRIGGER audit_checkpoints_once BEFORE INSERT ON audit_checkpoints
WHEN EXISTS (SELECT 1 FROM audit_checkpoints WHERE chain = NEW.chain AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'a checkpoint cannot be changed'); END;

CREATE TRIGGER audit_checkpoints_stay BEFORE UPDATE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint cannot be changed'); END;

CREATE TRIGGER audit_checkpoints_remain BEFORE DELETE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint cannot be deleted'); END;
