internal import GRDB

extension Migrations {
    /// Every place that a pipeline ever loaded into, as long as somebody may have to be forgotten there, and how its rows tell whose they are.
    static func pipelineTargets(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE pipeline_targets (
                    project TEXT NOT NULL REFERENCES projects (name),
                    pipeline TEXT NOT NULL,
                    target TEXT NOT NULL,
                    settings TEXT NOT NULL CHECK (json_valid(settings)),
                    is_trusted INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
                    -- {"column": "identity" | "person" | "identities" | "seq" | "key"}
                    columns TEXT NOT NULL CHECK (json_valid(columns)),
                    loaded_at INTEGER NOT NULL,
                    PRIMARY KEY (project, pipeline, target)
                ) STRICT;
                """)
    }
}
