-- What a tenant's state machines hold, and its settings: bytes of the texts, as they stand in the
-- rows (usage.rs). A tenant that nothing was counted of has no row yet.
ALTER TABLE tenant_usage ADD COLUMN definition_bytes INTEGER NOT NULL DEFAULT 0
    CHECK (definition_bytes >= 0);
ALTER TABLE tenant_usage ADD COLUMN setting_bytes INTEGER NOT NULL DEFAULT 0
    CHECK (setting_bytes >= 0);

INSERT INTO tenant_usage (tenant, running, history_bytes, components, component_bytes,
    data_set_bytes, fuel_day, fuel)
SELECT id, 0, 0, 0, 0, 0, 0, 0 FROM tenants WHERE true
ON CONFLICT DO NOTHING;

UPDATE tenant_usage SET definition_bytes = found.bytes
FROM (SELECT m.tenant AS tenant, sum(part.bytes) AS bytes
      FROM state_machines m JOIN (
          SELECT machine, octet_length(definition) + octet_length(asl_json)
              + octet_length(pins_json) + coalesce(octet_length(role_arn), 0)
              + coalesce(octet_length(logging_json), 0)
              + coalesce(octet_length(tracing_json), 0)
              + coalesce(octet_length(encryption_json), 0)
              + coalesce(octet_length(acting_for_json), 0) AS bytes
          FROM state_machine_revisions
          UNION ALL
          SELECT machine, coalesce(octet_length(description), 0) FROM state_machine_versions
          UNION ALL
          SELECT machine, coalesce(octet_length(description), 0) FROM state_machine_aliases
      ) AS part ON part.machine = m.id
      GROUP BY m.tenant) AS found
WHERE found.tenant = tenant_usage.tenant;

UPDATE tenant_usage SET setting_bytes = found.bytes
FROM (SELECT tenant, sum(bytes) AS bytes
      FROM (SELECT tenant, octet_length(value) AS bytes FROM config_values
            UNION ALL
            SELECT secrets.tenant, octet_length(sealed)
            FROM secret_versions JOIN secrets ON secrets.id = secret_versions.secret
            UNION ALL
            SELECT tenant, octet_length(key) + octet_length(value) FROM tags)
      GROUP BY tenant) AS found
WHERE found.tenant = tenant_usage.tenant;

-- Whether the revisions of a deleted machine have been emptied: executions refer to the rows,
-- which stay, and once the last execution is gone nothing needs what they say.
ALTER TABLE state_machines ADD COLUMN emptied INTEGER NOT NULL DEFAULT 0
    CHECK (emptied IN (0, 1));
-- empty_deleted_machines: what to look at.
CREATE INDEX state_machines_to_empty ON state_machines (id)
    WHERE deleted_at IS NOT NULL AND emptied = 0;
