internal import GRDB

extension Migrations {
    /// What watches over pipelines: incidents and the alerts of them, whom alerts go to; backfills; and what runs are besides.
    ///
    /// `origin` is the cause of runs that there were none of before; their `cause` is `manual` for who knows no better.
    static func pipelineWatch(_ db: Database) throws {
        try db.execute(
            sql: """
                ALTER TABLE pipeline_runs ADD COLUMN origin TEXT;
                -- 0: not looked at yet, 1: seen while it waited, 2: seen when it was over
                ALTER TABLE pipeline_runs ADD COLUMN watched INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE pipeline_runs ADD COLUMN backfill INTEGER;
                ALTER TABLE pipeline_runs ADD COLUMN range_from INTEGER;
                ALTER TABLE pipeline_runs ADD COLUMN range_to INTEGER;
                -- the runs of other pipelines that it came after
                ALTER TABLE pipeline_runs ADD COLUMN upstream TEXT;
                UPDATE pipeline_runs SET watched = 2 WHERE status NOT IN ('queued', 'running');
                CREATE INDEX pipeline_runs_unwatched ON pipeline_runs (number) WHERE watched < 2;
                CREATE INDEX pipeline_runs_status ON pipeline_runs (project, pipeline, status);
                CREATE INDEX pipeline_runs_backfill ON pipeline_runs (backfill) WHERE backfill IS NOT NULL;
                -- runs that are on record no more
                CREATE TABLE pipeline_run_tally (
                    project TEXT NOT NULL REFERENCES projects (name),
                    pipeline TEXT NOT NULL,
                    status TEXT NOT NULL,
                    runs INTEGER NOT NULL,
                    rows INTEGER NOT NULL,
                    PRIMARY KEY (project, pipeline, status)
                ) STRICT;
                CREATE TABLE alert_targets (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL REFERENCES projects (name),
                    name TEXT NOT NULL,
                    settings TEXT NOT NULL CHECK (json_valid(settings)),
                    is_trusted INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
                    changed_at INTEGER NOT NULL,
                    UNIQUE (project, name)
                ) STRICT;
                CREATE TABLE pipeline_incidents (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    pipeline TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    severity TEXT NOT NULL CHECK (severity IN ('warning', 'error')),
                    what TEXT NOT NULL,
                    reason TEXT NOT NULL,
                    run TEXT,
                    times INTEGER NOT NULL DEFAULT 1,
                    opened_at INTEGER NOT NULL,
                    changed_at INTEGER NOT NULL,
                    closed_at INTEGER
                ) STRICT;
                CREATE UNIQUE INDEX pipeline_incidents_open ON pipeline_incidents (project, pipeline, kind)
                    WHERE closed_at IS NULL;
                CREATE INDEX pipeline_incidents_project ON pipeline_incidents (project, number);
                CREATE TABLE pipeline_alerts (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    -- that of the message
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    incident TEXT NOT NULL REFERENCES pipeline_incidents (id),
                    type TEXT NOT NULL,
                    data TEXT NOT NULL CHECK (json_valid(data)),
                    -- whom it goes to, as it was then
                    targets TEXT NOT NULL CHECK (json_valid(targets)),
                    made_at INTEGER NOT NULL,
                    -- when the outbox had it; from then on that one sees to it
                    handed_at INTEGER,
                    problem TEXT
                ) STRICT;
                CREATE INDEX pipeline_alerts_waiting ON pipeline_alerts (number) WHERE handed_at IS NULL;
                CREATE INDEX pipeline_alerts_incident ON pipeline_alerts (incident);
                CREATE TABLE backfills (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    id TEXT NOT NULL UNIQUE,
                    project TEXT NOT NULL REFERENCES projects (name),
                    pipeline TEXT NOT NULL,
                    range_from INTEGER NOT NULL,
                    range_to INTEGER NOT NULL,
                    step INTEGER NOT NULL,
                    -- everything before this is loaded
                    next_from INTEGER NOT NULL,
                    status TEXT NOT NULL CHECK (status IN ('running', 'paused', 'succeeded', 'failed', 'cancelled')),
                    reason TEXT,
                    run TEXT,
                    windows_done INTEGER NOT NULL DEFAULT 0,
                    rows INTEGER NOT NULL DEFAULT 0,
                    -- microseconds that the windows took together
                    took INTEGER NOT NULL DEFAULT 0,
                    created_at INTEGER NOT NULL,
                    changed_at INTEGER NOT NULL,
                    finished_at INTEGER
                ) STRICT;
                CREATE INDEX backfills_running ON backfills (number) WHERE status = 'running';
                CREATE INDEX backfills_project ON backfills (project, pipeline, number);
                """)
    }
}
