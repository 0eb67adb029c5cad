-- Express executions whose start was acknowledged and whose end is not known: what a crash
-- takes from memory runs again from here. The row is removed when the execution has ended.
CREATE TABLE express_starts (
    id         INTEGER PRIMARY KEY,
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    machine    INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    -- The first event, as a page of a history.
    page       BLOB NOT NULL,
    FOREIGN KEY (machine, revision) REFERENCES state_machine_revisions (machine, revision)
) STRICT;
