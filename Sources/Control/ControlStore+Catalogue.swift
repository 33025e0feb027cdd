internal import GRDB
internal import Model

extension ControlStore {
    /// All notes of a project.
    public func catalogueNotes(project: String) async throws(ControlError) -> [CatalogueNote] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM catalogue_notes WHERE project = ?", arguments: [project])
                .compactMap(CatalogueNote.init(row:))
        }
    }

    /// Keeps a note in place of the one before; as it is then.
    public func saveCatalogueNote(_ note: CatalogueNote, project: String) async throws(ControlError) -> CatalogueNote {
        var saved = note
        saved.updatedAt = now()
        let kept = saved
        try await write { db in try Self.save(kept, project, in: db) }
        return kept
    }

    /// Rewrites what notes say.
    public func rewriteCatalogueNotes(
        project: String, _ rewrite: @escaping @Sendable (CatalogueNote) -> CatalogueNote
    ) async throws(ControlError) {
        try await write { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT * FROM catalogue_notes WHERE project = ?", arguments: [project])
            for before in rows.compactMap(CatalogueNote.init(row:)) {
                let after = rewrite(before)
                guard after != before else { continue }
                try db.execute(
                    sql: "DELETE FROM catalogue_notes WHERE project = ? AND kind = ? AND name = ?",
                    arguments: [project, before.kind.rawValue, before.name])
                try Self.save(after, project, in: db)
            }
        }
    }

    private static func save(_ note: CatalogueNote, _ project: String, in db: Database) throws {
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO catalogue_notes
                    (project, kind, name, description, owner, milestone, churn_signal, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                project, note.kind.rawValue, note.name, note.description, note.owner, note.isMilestone,
                note.isChurnSignal, note.updatedAt?.microseconds,
            ])
    }
}

extension CatalogueNote {
    /// Nil if a later version wrote a kind that this one does not know.
    fileprivate init?(row: Row) {
        guard let kind = Kind(rawValue: row["kind"]) else { return nil }
        self.init(kind, row["name"])
        description = row["description"]
        owner = row["owner"]
        isMilestone = row["milestone"]
        isChurnSignal = row["churn_signal"]
        updatedAt = timestamp(row["updated_at"])
    }
}
