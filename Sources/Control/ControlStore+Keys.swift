internal import GRDB
public import Model

extension ControlStore {
    /// Makes a secret key; its text is returned once and not kept.
    ///
    /// - Parameters:
    ///   - columns: the only columns that it reads; nil for all.
    ///   - rateLimit: how many requests it may make; nil for any number.
    public func createKey(
        project: String, name: String, scopes: Set<Scope>, columns: [String]? = nil, rateLimit: RateLimit? = nil,
        expiresAt: Timestamp? = nil
    ) async throws(ControlError) -> IssuedKey {
        let text = KeyText.make(prefix: "sk_")
        return try await write { db in
            guard try Int.fetchOne(db, sql: "SELECT 1 FROM projects WHERE name = ?", arguments: [project]) != nil
            else { throw ControlError(.noSuchProject, "there is no project \(project)") }
            let id = try Self.insertKey(
                project: project, kind: .secret, text: text, name: name, scopes: scopes, columns: columns,
                rateLimit: rateLimit, expiresAt: expiresAt, in: db)
            return IssuedKey(key: try Self.requireKey(id, project: project, in: db), text: text)
        }
    }

    /// The project's keys, oldest first.
    public func keys(project: String, includesRevoked: Bool = false) async throws(ControlError) -> [AccessKey] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "\(Self.selectKeys) WHERE k.project = ? AND (? OR k.revoked_at IS NULL) ORDER BY created_at, id",
                arguments: [now().microseconds, project, includesRevoked]
            ).compactMap(AccessKey.init(row:))
        }
    }

    /// The key, if the project has it, revoked or not.
    public func key(_ id: String, project: String) async throws(ControlError) -> AccessKey? {
        try await read { db in try Self.fetchKey(id, project: project, in: db) }
    }

    /// Gives a key a new text.
    ///
    /// - Parameter oldUntil: until when the present text opens as well. Those before it end when they were to end.
    /// - Returns: nil if the project has no such key, or has revoked it.
    public func rotateKey(
        _ id: String, project: String, oldUntil: Timestamp
    ) async throws(ControlError) -> IssuedKey? {
        try await write { db in
            let time = now()
            guard let key = try Self.fetchKey(id, project: project, in: db), key.revokedAt == nil else { return nil }
            try db.execute(sql: "DELETE FROM old_key_texts WHERE ends_at <= ?", arguments: [time.microseconds])
            if oldUntil > time {
                try db.execute(
                    sql: """
                        INSERT INTO old_key_texts (key, write_key, secret_hash, ends_at)
                        SELECT id, write_key, secret_hash, ? FROM keys WHERE id = ?
                        """, arguments: [oldUntil.microseconds, id])
            }
            let text = KeyText.make(prefix: key.kind.prefix)
            try db.execute(
                sql: "UPDATE keys SET write_key = ?, secret_hash = ?, rotated_at = ? WHERE id = ?",
                arguments: [key.kind.kept(text), key.kind.digest(text), time.microseconds, id])
            return IssuedKey(key: try Self.requireKey(id, project: project, in: db), text: text)
        }
    }

    /// Ends a key and all its texts. One that has ended so before stays as it is.
    ///
    /// - Returns: nil if the project has no such key.
    public func revokeKey(_ id: String, project: String) async throws(ControlError) -> AccessKey? {
        try await write { db in
            try db.execute(
                sql: "UPDATE keys SET revoked_at = ? WHERE id = ? AND project = ? AND revoked_at IS NULL",
                arguments: [now().microseconds, id, project])
            guard let key = try Self.fetchKey(id, project: project, in: db) else { return nil }
            try db.execute(sql: "DELETE FROM old_key_texts WHERE key = ?", arguments: [id])
            return key
        }
    }

    /// Notes when keys were last used, all in one transaction.
    func noteUse(_ times: [String: Timestamp]) async throws(ControlError) {
        try await write { db in
            for (id, time) in times {
                try db.execute(
                    sql: "UPDATE keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?",
                    arguments: [time.microseconds, id])
            }
        }
    }
}
