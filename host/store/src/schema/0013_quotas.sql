-- What each tenant has and uses, changed in the transactions that change it (usage.rs), and
-- read as a whole at the start. `fuel` is of the day `fuel_day`, counted from 1970-01-01.
CREATE TABLE tenant_usage (
    tenant          INTEGER PRIMARY KEY REFERENCES tenants (id),
    running         INTEGER NOT NULL CHECK (running >= 0),
    history_bytes   INTEGER NOT NULL CHECK (history_bytes >= 0),
    components      INTEGER NOT NULL CHECK (components >= 0),
    component_bytes INTEGER NOT NULL CHECK (component_bytes >= 0),
    data_set_bytes  INTEGER NOT NULL CHECK (data_set_bytes >= 0),
    fuel_day        INTEGER NOT NULL,
    fuel            INTEGER NOT NULL CHECK (fuel >= 0)
) STRICT;

INSERT INTO tenant_usage
SELECT id,
    (SELECT count(*) FROM executions WHERE tenant = tenants.id AND status = 0),
    0,
    (SELECT count(DISTINCT name) FROM components WHERE tenant = tenants.id),
    (SELECT coalesce(sum(size), 0) FROM components JOIN component_blobs USING (digest)
     WHERE tenant = tenants.id),
    (SELECT coalesce(sum(size), 0) FROM data_sets WHERE tenant = tenants.id),
    0,
    0
FROM tenants;

UPDATE tenant_usage SET history_bytes = found.bytes
FROM (SELECT executions.tenant, sum(length(history.page)) AS bytes
      FROM history JOIN executions ON executions.id = history.execution
      GROUP BY executions.tenant) AS found
WHERE found.tenant = tenant_usage.tenant;

-- What a tenant's quotas are, where they are not the host's. An amount of NULL is no limit.
CREATE TABLE tenant_quotas (
    tenant INTEGER NOT NULL REFERENCES tenants (id),
    quota  TEXT NOT NULL,
    amount INTEGER CHECK (amount >= 0),
    PRIMARY KEY (tenant, quota)
) STRICT, WITHOUT ROWID;

-- with_work, tenants_with_work: what to take up after a start, a share for each tenant.
DROP INDEX executions_with_work;
CREATE INDEX executions_with_work ON executions (tenant, id) WHERE has_work = 1;
