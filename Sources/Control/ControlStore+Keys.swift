internal import GRDB
public import Model

extension ControlStore {
    /// Makes a secret key with the scopes; its text is returned once and not kept.
    public func createSecretKey(
        project: String, scopes: Set<Scope>, expiresAt: Timestamp? = nil
    ) async throws(ControlError) -> String {
        let text = KeyText.make(prefix: "sk_")
        try await write { db in
            guard try Int.fetchOne(db, sql: "SELECT 1 FROM projects WHERE name = ?", arguments: [project]) != nil
            else { throw ControlError(.noSuchProject, "there is no project \(project)") }
            try db.execute(
                sql: """
                    INSERT INTO keys (id, project, kind, secret_hash, scopes, created_at, expires_at)
                    VALUES (?, ?, 'secret', ?, ?, ?, ?)
                    """,
                arguments: [
                    KeyText.makeID(prefix: "key_"), project, blob(Digest256(of: Array(text.utf8)).bytes), scopes.text,
                    now().microseconds, expiresAt?.microseconds,
                ])
        }
        return text
    }

    /// All keys, with the digests of the secret ones, for the ring in memory.
    func keyRecords() async throws(ControlError) -> [(key: AccessKey, digest: Digest256?)] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM keys ORDER BY created_at, id").compactMap { row in
                guard let kind = AccessKey.Kind(rawValue: row["kind"]) else { return nil }
                let key = AccessKey(
                    id: row["id"], project: row["project"], kind: kind, writeKey: row["write_key"],
                    scopes: Set(text: row["scopes"]), createdAt: Timestamp(microseconds: row["created_at"]),
                    lastUsedAt: timestamp(row["last_used_at"]), expiresAt: timestamp(row["expires_at"]))
                return (key, bytes(row["secret_hash"]).flatMap { Digest256(bytes: $0) })
            }
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
