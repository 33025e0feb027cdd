internal import GRDB

/// What triggers keep, beside the outbox: a firing and its messages are one transaction with the state that led to them.
enum TriggerMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE triggers (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL,
                    name TEXT NOT NULL,
                    -- the type of its messages; one that is not trigger.fired is the server's own and is not shown
                    type TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    actions TEXT NOT NULL CHECK (json_valid(actions)),
                    state TEXT NOT NULL CHECK (state IN ('enabled', 'held', 'disabled')),
                    since_seq INTEGER NOT NULL,
                    changed_by TEXT NOT NULL,
                    state_at INTEGER NOT NULL,
                    made_by TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                ) STRICT;
                CREATE INDEX triggers_project ON triggers (project, number);
                CREATE TABLE trigger_versions (
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    version INTEGER NOT NULL,
                    condition TEXT NOT NULL CHECK (json_valid(condition)),
                    made_at INTEGER NOT NULL,
                    PRIMARY KEY (trigger_number, version)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE trigger_counts (
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    what TEXT NOT NULL,
                    total INTEGER NOT NULL,
                    PRIMARY KEY (trigger_number, what)
                ) STRICT, WITHOUT ROWID;
                CREATE TABLE trigger_instances (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL,
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    version INTEGER NOT NULL,
                    id TEXT NOT NULL,
                    key TEXT NOT NULL,
                    correlation TEXT NOT NULL,
                    identity TEXT NOT NULL,
                    person INTEGER,
                    seq INTEGER NOT NULL,
                    event_id TEXT NOT NULL,
                    at INTEGER NOT NULL,
                    deadline INTEGER NOT NULL,
                    fire_at INTEGER NOT NULL,
                    -- 0 armed, 1 held, 2 fired, 3 and above: it is over
                    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 7),
                    ended_by TEXT,
                    ended_at INTEGER,
                    event BLOB,
                    depth INTEGER NOT NULL
                ) STRICT;
                CREATE INDEX trigger_instances_due ON trigger_instances (project, fire_at, number) WHERE state = 0;
                CREATE INDEX trigger_instances_live ON trigger_instances (project, key, trigger_number, at) WHERE state < 3;
                CREATE INDEX trigger_instances_identity ON trigger_instances (project, identity);
                CREATE INDEX trigger_instances_trigger ON trigger_instances (trigger_number, state);
                CREATE INDEX trigger_instances_seq ON trigger_instances (project, seq);
                CREATE TABLE trigger_marks (
                    project TEXT NOT NULL,
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    version INTEGER NOT NULL,
                    role INTEGER NOT NULL,
                    key TEXT NOT NULL,
                    correlation TEXT NOT NULL,
                    at INTEGER NOT NULL,
                    seq INTEGER NOT NULL,
                    identity TEXT NOT NULL,
                    PRIMARY KEY (trigger_number, version, role, key, correlation, at, seq)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX trigger_marks_identity ON trigger_marks (project, identity);
                CREATE TABLE trigger_values (
                    project TEXT NOT NULL,
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    identity TEXT NOT NULL,
                    key TEXT NOT NULL,
                    value TEXT NOT NULL,
                    at INTEGER NOT NULL,
                    seq INTEGER NOT NULL,
                    PRIMARY KEY (trigger_number, identity)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX trigger_values_key ON trigger_values (trigger_number, key, at, seq);
                CREATE INDEX trigger_values_identity ON trigger_values (project, identity);
                CREATE TABLE trigger_firings (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL,
                    trigger_number INTEGER NOT NULL REFERENCES triggers (number) ON DELETE CASCADE,
                    version INTEGER NOT NULL,
                    type TEXT NOT NULL,
                    instance TEXT NOT NULL,
                    message TEXT NOT NULL,
                    key TEXT NOT NULL,
                    identity TEXT NOT NULL,
                    person INTEGER,
                    seq INTEGER,
                    event_id TEXT NOT NULL,
                    fired_at INTEGER NOT NULL,
                    late_by INTEGER NOT NULL,
                    UNIQUE (trigger_number, type, instance)
                ) STRICT;
                CREATE INDEX trigger_firings_key ON trigger_firings (trigger_number, key, fired_at);
                CREATE INDEX trigger_firings_identity ON trigger_firings (project, identity);
                -- who is tied to whom; whoever is tied to nobody has no row
                CREATE TABLE trigger_people (
                    project TEXT NOT NULL,
                    identity TEXT NOT NULL,
                    key TEXT NOT NULL,
                    PRIMARY KEY (project, identity)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX trigger_people_key ON trigger_people (project, key);
                CREATE TABLE trigger_ties (
                    project TEXT NOT NULL,
                    low TEXT NOT NULL,
                    high TEXT NOT NULL,
                    tied INTEGER NOT NULL CHECK (tied IN (0, 1)),
                    PRIMARY KEY (project, low, high)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX trigger_ties_high ON trigger_ties (project, high);
                -- projects whose ties of the time before were taken over
                CREATE TABLE trigger_seeds (project TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
                -- an action of a trigger that is no endpoint has a row there all the same: it is sent to, fails and is retried alike
                ALTER TABLE endpoints ADD COLUMN connector TEXT;
                ALTER TABLE endpoints ADD COLUMN settings BLOB;
                ALTER TABLE endpoints ADD COLUMN trigger_number INTEGER REFERENCES triggers (number) ON DELETE CASCADE;
                CREATE INDEX endpoints_trigger ON endpoints (trigger_number) WHERE trigger_number IS NOT NULL;
                -- how many triggers led to a message
                ALTER TABLE messages ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
                """)
    }
}
