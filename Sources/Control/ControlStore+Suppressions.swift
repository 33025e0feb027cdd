internal import GRDB
internal import Model

extension ControlStore {
    /// The identities that a project refuses.
    public func suppressedIdentities(project: String) async throws(ControlError) -> SuppressedIdentities {
        try await read { db in try Self.suppressedIdentities(project, in: db) }
    }

    /// Adds identities to those that a project refuses; the list with them.
    public func suppress(
        _ identities: [String], project: String
    ) async throws(ControlError) -> SuppressedIdentities {
        try await write { db in
            let key = try Self.suppressionKey(project, in: db)
            let time = now().microseconds
            for identity in identities {
                let entry = key.entry(identity)
                try db.execute(
                    sql: """
                        INSERT OR IGNORE INTO suppressed_identities (project, digest, quick, created_at)
                        VALUES (?, ?, ?, ?)
                        """,
                    arguments: [project, blob(entry.digest), Int64(bitPattern: entry.quick), time])
            }
            return try Self.suppressedIdentities(project, in: db)
        }
    }

    /// Takes identities off the list; how many of them were on it, and the list without them.
    public func liftSuppressions(
        _ identities: [String], project: String
    ) async throws(ControlError) -> (lifted: Int, left: SuppressedIdentities) {
        try await write { db in
            let key = try Self.suppressionKey(project, in: db)
            var lifted = 0
            for identity in identities {
                try db.execute(
                    sql: "DELETE FROM suppressed_identities WHERE project = ? AND digest = ?",
                    arguments: [project, blob(key.entry(identity).digest)])
                lifted += db.changesCount
            }
            return (lifted, try Self.suppressedIdentities(project, in: db))
        }
    }

    /// The project's key, made with the first identity; every use of it for a change counts as one.
    private static func suppressionKey(_ project: String, in db: Database) throws -> SuppressionKey {
        var random = SystemRandomNumberGenerator()
        let fresh = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        try db.execute(
            sql: """
                INSERT INTO suppression_secrets (project, secret, revision) VALUES (?, ?, 1)
                ON CONFLICT (project) DO UPDATE SET revision = revision + 1
                """, arguments: [project, blob(fresh)])
        guard
            let secret = try Row.fetchOne(
                db, sql: "SELECT secret FROM suppression_secrets WHERE project = ?", arguments: [project]
            ).flatMap({ bytes($0["secret"]) })
        else { throw ControlError(.database, "the secret of suppressions that was just written is not there") }
        return SuppressionKey(secret)
    }

    private static func suppressedIdentities(_ project: String, in db: Database) throws -> SuppressedIdentities {
        let row = try Row.fetchOne(
            db, sql: "SELECT secret, revision FROM suppression_secrets WHERE project = ?", arguments: [project])
        let entries = try Row.fetchAll(
            db, sql: "SELECT digest, quick FROM suppressed_identities WHERE project = ?", arguments: [project]
        ).map { row in
            SuppressedIdentities.Entry(
                digest: bytes(row["digest"]) ?? [], quick: UInt64(bitPattern: row["quick"] as Int64))
        }
        return SuppressedIdentities(
            secret: row.flatMap { bytes($0["secret"]) }, entries: entries, revision: row?["revision"] ?? 0)
    }
}
