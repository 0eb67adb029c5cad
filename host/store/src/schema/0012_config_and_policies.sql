-- Values that tenants give to their tasks, by name; a state grants them to its task. Loaded by
-- tenant and name when a task begins.
CREATE TABLE config_values (
    tenant     INTEGER NOT NULL REFERENCES tenants (id),
    name       TEXT NOT NULL,
    value      TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- Where a tenant's tasks may send requests, as a JSON list of rules. A tenant without a row
-- may send none. Loaded by tenant for each request.
CREATE TABLE tenant_policies (
    tenant     INTEGER PRIMARY KEY REFERENCES tenants (id),
    http_json  TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT
) STRICT;

-- Until now the operator's rules were for all tenants alike: what ran goes on running.
INSERT INTO tenant_policies (tenant, http_json, changed_at)
    SELECT id, '["any"]', 0 FROM tenants;
