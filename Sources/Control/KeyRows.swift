internal import GRDB
internal import Model

extension ControlStore {
    /// Keys as they are shown; its one argument is the moment.
    static var selectKeys: String {
        """
        SELECT k.*, (SELECT max(ends_at) FROM old_key_texts o WHERE o.key = k.id AND o.ends_at > ?) AS old_until FROM keys k
        """
    }

    /// Writes a key down and returns its id. A secret key's text is kept as its SHA-256 alone.
    @discardableResult
    static func insertKey(
        project: String, kind: AccessKey.Kind, text: String, name: String, scopes: Set<Scope>,
        columns: [String]? = nil, rateLimit: RateLimit? = nil, expiresAt: Timestamp? = nil, in db: Database
    ) throws -> String {
        let id = KeyText.makeID(prefix: "key_")
        let columns = columns.map { JSONValue.array($0.map { .string($0) }).text }
        try db.execute(
            sql: """
                INSERT INTO keys
                    (id, project, kind, name, write_key, secret_hash, scopes, columns, created_at, expires_at,
                    rate_limit, rate_burst)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, project, kind.rawValue, name, kind.kept(text), kind.digest(text), scopes.text, columns,
                now().microseconds, expiresAt?.microseconds, rateLimit?.perSecond, rateLimit?.burst,
            ])
        return id
    }

    static func fetchKey(_ id: String, project: String, in db: Database) throws -> AccessKey? {
        try Row.fetchOne(
            db, sql: "\(selectKeys) WHERE k.id = ? AND k.project = ?", arguments: [now().microseconds, id, project]
        ).flatMap(AccessKey.init(row:))
    }

    static func requireKey(_ id: String, project: String, in db: Database) throws -> AccessKey {
        guard let key = try fetchKey(id, project: project, in: db) else {
            throw ControlError(.database, "the key that was just written is not there")
        }
        return key
    }

    /// Every text that opens, for the ring in memory: those that keys have, and those that they had.
    func keyEntries() async throws(ControlError) -> [KeyEntry] {
        try await read { db in
            let time = now().microseconds
            let rows = try Row.fetchAll(db, sql: Self.selectKeys, arguments: [time])
            var keys: [String: AccessKey] = [:]
            var entries: [KeyEntry] = []
            for row in rows {
                guard let key = AccessKey(row: row), let text = KeyEntry.Text(row: row) else { continue }
                keys[key.id] = key
                entries.append(KeyEntry(key: key, text: text, until: nil))
            }
            for row in try Row.fetchAll(db, sql: "SELECT * FROM old_key_texts WHERE ends_at > ?", arguments: [time]) {
                guard let key = keys[row["key"]], let text = KeyEntry.Text(row: row) else { continue }
                entries.append(KeyEntry(key: key, text: text, until: timestamp(row["ends_at"])))
            }
            return entries
        }
    }
}

extension AccessKey.Kind {
    /// What its texts begin with.
    var prefix: String { self == .write ? "wk_" : "sk_" }

    /// The text as it is kept in clear, of a kind that is.
    func kept(_ text: String) -> String? { self == .write ? text : nil }

    /// The digest as it is kept, of a kind that is not kept in clear.
    func digest(_ text: String) -> DatabaseValue {
        self == .write ? .null : blob(Digest256(of: Array(text.utf8)).bytes).databaseValue
    }
}

extension AccessKey {
    /// Nil if a later version wrote a kind that this one does not know.
    init?(row: Row) {
        guard let kind = Kind(rawValue: row["kind"]) else { return nil }
        let listed: String? = row["columns"]
        let (perSecond, burst): (Int64?, Int64?) = (row["rate_limit"], row["rate_burst"])
        self.init(
            id: row["id"], project: row["project"], kind: kind, name: row["name"], writeKey: row["write_key"],
            scopes: Set(text: row["scopes"]), columns: listed.map(Self.columns),
            rateLimit: perSecond.map { RateLimit(perSecond: $0, burst: burst) },
            createdAt: Timestamp(microseconds: row["created_at"]), lastUsedAt: timestamp(row["last_used_at"]),
            expiresAt: timestamp(row["expires_at"]), rotatedAt: timestamp(row["rotated_at"]),
            oldUntil: timestamp(row["old_until"]), revokedAt: timestamp(row["revoked_at"]))
    }

    /// The columns of a list as kept. One that cannot be read grants none.
    private static func columns(_ text: String) -> [String] {
        ((try? JSONValue(text: text))?.arrayValue ?? []).compactMap(\.stringValue)
    }
}

extension KeyEntry.Text {
    /// The text of a row that has one of the two.
    fileprivate init?(row: Row) {
        if let text: String = row["write_key"] {
            self = .clear(text)
        } else if let digest = bytes(row["secret_hash"]).flatMap({ Digest256(bytes: $0) }) {
            self = .secret(digest)
        } else {
            return nil
        }
    }
}
