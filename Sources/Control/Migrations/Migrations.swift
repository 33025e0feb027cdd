internal import GRDB

/// The schema's steps, in order. A step that was released is never changed; the next one repairs it.
enum Migrations {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("001_projects_and_keys", migrate: projectsAndKeys)
        migrator.registerMigration("002_export_runs", migrate: exportRuns)
        migrator.registerMigration("003_idempotency", migrate: idempotency)
        migrator.registerMigration("004_import_runs", migrate: importRuns)
        migrator.registerMigration("005_privacy_records", migrate: privacyRecords)
        migrator.registerMigration("006_suppressions", migrate: suppressions)
        migrator.registerMigration("007_retention", migrate: retention)
        migrator.registerMigration("008_removed_exports", migrate: removedExports)
        migrator.registerMigration("009_keys", migrate: keys)
        migrator.registerMigration("010_segments", migrate: segments)
        migrator.registerMigration("011_catalogue", migrate: catalogue)
        migrator.registerMigration("012_reports", migrate: reports)
        migrator.registerMigration("013_audit", migrate: audit)
        migrator.registerMigration("014_computed_columns", migrate: computedColumns)
        migrator.registerMigration("015_pipelines", migrate: pipelines)
        migrator.registerMigration("016_pipeline_watch", migrate: pipelineWatch)
        migrator.registerMigration("017_pipeline_targets", migrate: pipelineTargets)
        return migrator
    }
}
