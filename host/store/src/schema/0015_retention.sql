-- How long executions that have ended are kept, and details of audit entries. `machine` is the
-- name of a state machine, also of one that was deleted; empty for all that have no rule of
-- their own. A bound that is null is none: what has a rule without bounds is kept for good.
-- retention_rules: by tenant, and all of them.
CREATE TABLE retention_rules (
    tenant       INTEGER NOT NULL REFERENCES tenants (id),
    machine      TEXT NOT NULL,
    age_ms       INTEGER CHECK (age_ms > 0),
    count        INTEGER CHECK (count > 0),
    audit_age_ms INTEGER CHECK (audit_age_ms > 0),
    changed_at   INTEGER NOT NULL,
    changed_by   TEXT,
    PRIMARY KEY (tenant, machine)
) STRICT, WITHOUT ROWID;

-- Whether it is being removed, bit by bit, which nobody sees.
ALTER TABLE executions ADD COLUMN removing INTEGER NOT NULL DEFAULT 0;
-- purge_removed: what to go on with.
CREATE INDEX executions_removing ON executions (id) WHERE removing = 1;

-- purge_removed: a run is removed without its data sets, which are the tenant's own.
CREATE INDEX data_sets_of_map_run ON data_sets (map_run) WHERE map_run IS NOT NULL;
