-- What a tenant wants to be told of, and by which channel. `events_json` and `machines_json`
-- are JSON lists, `channel_json` an object. `pending` counts the deliveries that are not over,
-- so that a bound on them costs a new one no count; `dropped` those that it left out. Loaded by
-- tenant where an execution does what somebody may want to be told of.
CREATE TABLE notifications (
    id            INTEGER PRIMARY KEY,
    tenant        INTEGER NOT NULL REFERENCES tenants (id),
    name          TEXT NOT NULL,
    events_json   TEXT NOT NULL,
    machines_json TEXT NOT NULL,
    channel_json  TEXT NOT NULL,
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    pending       INTEGER NOT NULL DEFAULT 0,
    dropped       INTEGER NOT NULL DEFAULT 0,
    changed_at    INTEGER NOT NULL,
    changed_by    TEXT,
    UNIQUE (tenant, name)
) STRICT;

-- due_deliveries: who has something to be sent.
CREATE INDEX notifications_pending ON notifications (id) WHERE pending > 0;

-- The outbox: one row for each notification that an event is told to, written with the event.
-- `status` is 0 pending, 1 delivered, 2 given up. `due_at` is when it is tried next; none when
-- it is over. `facts_json` is what is told, so that it stays what it was.
CREATE TABLE notification_deliveries (
    id           INTEGER PRIMARY KEY,
    public_id    TEXT NOT NULL UNIQUE,
    notification INTEGER NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
    event        TEXT NOT NULL,
    facts_json   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    status       INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
    attempts     INTEGER NOT NULL,
    due_at       INTEGER,
    ended_at     INTEGER,
    last_error   TEXT
) STRICT;

-- due_deliveries of one notification, the longest due first.
CREATE INDEX deliveries_due_of ON notification_deliveries (notification, due_at)
    WHERE due_at IS NOT NULL;
-- next_delivery_due.
CREATE INDEX deliveries_due ON notification_deliveries (due_at) WHERE due_at IS NOT NULL;
-- list_deliveries, newest first.
CREATE INDEX deliveries_listed ON notification_deliveries (notification, id);
-- drop_old_deliveries.
CREATE INDEX deliveries_ended ON notification_deliveries (ended_at) WHERE ended_at IS NOT NULL;
