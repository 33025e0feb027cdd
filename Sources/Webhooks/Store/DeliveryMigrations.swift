internal import GRDB

/// The schema's steps, in order. A step that was released is never changed; the next one repairs it.
enum DeliveryMigrations {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("001_outbox", migrate: outbox)
        migrator.registerMigration("002_triggers", migrate: TriggerMigration.make)
        migrator.registerMigration("003_hook_streams", migrate: StreamMigration.make)
        migrator.registerMigration("004_whose", migrate: whose)
        migrator.registerMigration("005_alerts", migrate: AlertMigration.make)
        migrator.registerMigration("006_trigger_watches", migrate: WatchMigration.make)
        migrator.registerMigration("007_parked", migrate: ParkedMigration.make)
        migrator.registerMigration("008_order", migrate: OrderMigration.make)
        migrator.registerMigration("009_asks", migrate: asks)
        migrator.registerMigration("010_ordering", migrate: OrderingMigration.make)
        migrator.registerMigration("011_replays", migrate: ReplayMigration.make)
        migrator.registerMigration("012_replay_returns", migrate: ReplayReturnMigration.make)
        return migrator
    }

    /// A trigger that is removed takes the list of its firings along; whom a message is of stays known for as long as what it says.
    private static func whose(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE messages ADD COLUMN identity TEXT;
                CREATE INDEX messages_identity ON messages (project, identity) WHERE identity IS NOT NULL;
                UPDATE messages SET identity = f.identity FROM trigger_firings f
                    WHERE f.project = messages.project AND f.message = messages.id AND f.identity <> ''
                    AND messages.body IS NOT NULL;
                -- when somebody was told last that messages of an endpoint did not arrive
                ALTER TABLE endpoints ADD COLUMN exhausted_told_at INTEGER;
                -- what did not arrive is looked for among much that did
                CREATE INDEX deliveries_dead ON deliveries (endpoint, number) WHERE state >= 3;
                """)
    }

    /// Waits that ask something of their person come due beside the others, which are held up by nothing.
    private static func asks(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE trigger_instances ADD COLUMN asks INTEGER NOT NULL DEFAULT 0 CHECK (asks IN (0, 1));
                UPDATE trigger_instances SET asks = 1 WHERE state < 2 AND EXISTS (
                    SELECT 1 FROM trigger_versions v WHERE v.trigger_number = trigger_instances.trigger_number
                    AND v.version = trigger_instances.version AND v.condition ->> '$.still' IS NOT NULL);
                DROP INDEX trigger_instances_due;
                CREATE INDEX trigger_instances_due ON trigger_instances (project, asks, fire_at, number) WHERE state = 0;
                """)
    }

    private static func outbox(_ db: Database) throws {
        try db.execute(
            sql: """
                -- how often endpoints were changed: who evaluated events by older ones does so again
                CREATE TABLE changes (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL) STRICT;
                INSERT INTO changes VALUES (1, 0);
                -- everything of a project's journal up to this was looked at
                CREATE TABLE checkpoints (project TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
                CREATE TABLE endpoints (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL,
                    kind TEXT NOT NULL CHECK (kind IN ('webhook', 'hook')),
                    definition TEXT NOT NULL CHECK (json_valid(definition)),
                    -- names and values of its own headers, sealed
                    headers BLOB,
                    header_names TEXT NOT NULL,
                    since_seq INTEGER NOT NULL,
                    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'disabled')),
                    reason TEXT,
                    changed_by TEXT NOT NULL,
                    state_at INTEGER NOT NULL,
                    failing_since INTEGER,
                    failures INTEGER NOT NULL DEFAULT 0,
                    told INTEGER NOT NULL DEFAULT 0,
                    made_by TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                ) STRICT;
                CREATE INDEX endpoints_project ON endpoints (project, number);
                CREATE TABLE endpoint_secrets (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    endpoint INTEGER NOT NULL REFERENCES endpoints (number) ON DELETE CASCADE,
                    sealed BLOB NOT NULL,
                    made_at INTEGER NOT NULL,
                    -- null for the newest
                    ends_at INTEGER
                ) STRICT;
                CREATE INDEX endpoint_secrets_endpoint ON endpoint_secrets (endpoint, number);
                CREATE TABLE messages (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL,
                    id TEXT NOT NULL,
                    -- the form of the bytes
                    variant TEXT NOT NULL,
                    type TEXT NOT NULL,
                    -- of the event that caused it
                    seq INTEGER,
                    made_at INTEGER NOT NULL,
                    -- null once it was kept for long enough
                    body BLOB
                ) STRICT;
                CREATE UNIQUE INDEX messages_id ON messages (project, id, variant);
                CREATE INDEX messages_seq ON messages (project, seq) WHERE seq IS NOT NULL;
                CREATE INDEX messages_age ON messages (made_at);
                CREATE TABLE deliveries (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL,
                    endpoint INTEGER NOT NULL REFERENCES endpoints (number) ON DELETE CASCADE,
                    message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
                    -- 0 pending, 1 sending, 2 delivered, 3 exhausted, 4 skipped, 5 aborted
                    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
                    -- 0 as it comes, 1 what is sent again in bulk
                    lane INTEGER NOT NULL DEFAULT 0,
                    -- messages with the same go out one after another
                    order_key TEXT,
                    attempts INTEGER NOT NULL DEFAULT 0,
                    -- attempts that do not count any more, since somebody asked for it again
                    forgiven INTEGER NOT NULL DEFAULT 0,
                    next_at INTEGER,
                    reason TEXT,
                    created_at INTEGER NOT NULL,
                    finished_at INTEGER,
                    UNIQUE (endpoint, message)
                ) STRICT;
                CREATE INDEX deliveries_due ON deliveries (endpoint, lane, next_at) WHERE state = 0;
                CREATE INDEX deliveries_sending ON deliveries (number) WHERE state = 1;
                CREATE INDEX deliveries_order ON deliveries (endpoint, order_key, number)
                    WHERE order_key IS NOT NULL AND state < 2;
                CREATE INDEX deliveries_message ON deliveries (message);
                CREATE TABLE attempts (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    delivery INTEGER NOT NULL REFERENCES deliveries (number) ON DELETE CASCADE,
                    endpoint INTEGER NOT NULL,
                    n INTEGER NOT NULL,
                    at INTEGER NOT NULL,
                    -- auto, manual, bulk, lost
                    cause TEXT NOT NULL,
                    url TEXT NOT NULL,
                    status INTEGER,
                    error TEXT,
                    detail TEXT,
                    peer TEXT,
                    dns INTEGER, connect INTEGER, tls INTEGER, first_byte INTEGER, total INTEGER,
                    next_at INTEGER,
                    response_headers TEXT,
                    response_body BLOB,
                    cut TEXT
                ) STRICT;
                CREATE INDEX attempts_delivery ON attempts (delivery, n);
                CREATE INDEX attempts_endpoint ON attempts (endpoint, number);
                CREATE INDEX attempts_age ON attempts (at);
                """)
    }
}
