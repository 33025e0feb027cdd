internal import GRDB

extension Migrations {
    /// Pipelines with all their versions, destinations by name, runs with their steps, and how far each destination was loaded.
    ///
    /// `installation` tells the loads of this data folder from those of others that load into the same table.
    static func pipelines(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE installation (id TEXT NOT NULL) STRICT;
                INSERT INTO installation VALUES (lower(hex(randomblob(8))));
                CREATE TABLE destinations (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL REFERENCES projects (name),
                    name TEXT NOT NULL,
                    settings TEXT NOT NULL CHECK (json_valid(settings)),
                    is_trusted INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
                    changed_at INTEGER NOT NULL,
                    UNIQUE (project, name)
                ) STRICT;
                CREATE TABLE pipelines (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL REFERENCES projects (name),
                    name TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    definition TEXT NOT NULL CHECK (json_valid(definition)),
                    is_trusted INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
                    is_paused INTEGER NOT NULL DEFAULT 0 CHECK (is_paused IN (0, 1)),
                    -- Scheduled times up to this one have a run, or a record that says why not.
                    scheduled_through INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    changed_at INTEGER NOT NULL,
                    UNIQUE (project, name)
                ) STRICT;
                CREATE TABLE pipeline_versions (
                    project TEXT NOT NULL,
                    name TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    definition TEXT NOT NULL CHECK (json_valid(definition)),
                    made_at INTEGER NOT NULL,
                    PRIMARY KEY (project, name, version)
                ) STRICT;
                CREATE TABLE pipeline_runs (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    pipeline TEXT NOT NULL,
                    version INTEGER NOT NULL,
                    definition TEXT NOT NULL CHECK (json_valid(definition)),
                    is_trusted INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
                    cause TEXT NOT NULL CHECK (cause IN ('schedule', 'manual', 'catch_up')),
                    scheduled_for INTEGER,
                    status TEXT NOT NULL CHECK (
                        status IN ('queued', 'running', 'succeeded', 'failed', 'skipped', 'stale', 'cancelled')),
                    boot TEXT,
                    target TEXT,
                    seq_from INTEGER,
                    seq_to INTEGER,
                    spec TEXT CHECK (spec IS NULL OR json_valid(spec)),
                    steps TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(steps)),
                    rows INTEGER,
                    is_stale INTEGER NOT NULL DEFAULT 0 CHECK (is_stale IN (0, 1)),
                    reason TEXT,
                    next_attempt_at INTEGER,
                    created_at INTEGER NOT NULL,
                    started_at INTEGER,
                    finished_at INTEGER
                ) STRICT;
                CREATE INDEX pipeline_runs_project ON pipeline_runs (project, pipeline, number);
                CREATE INDEX pipeline_runs_open ON pipeline_runs (number) WHERE status IN ('queued', 'running');
                CREATE TABLE pipeline_watermarks (
                    project TEXT NOT NULL REFERENCES projects (name),
                    pipeline TEXT NOT NULL,
                    target TEXT NOT NULL,
                    seq INTEGER NOT NULL,
                    run TEXT NOT NULL,
                    loaded_at INTEGER NOT NULL,
                    PRIMARY KEY (project, pipeline, target)
                ) STRICT;
                """)
    }
}
