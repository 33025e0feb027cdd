internal import GRDB
public import Model

extension ControlStore {
    /// The action of the entry that says which filters an erasure took out.
    static let redaction = "audit.redact"

    /// Writes entries at the ends of their projects' chains, in one transaction.
    ///
    /// - Parameter take: called when nothing else writes; what it returns is written.
    func appendAudit(_ take: @escaping @Sendable () -> [AuditEntry]) async throws(ControlError) {
        try await write { db in
            var ends: [String: AuditEnd] = [:]
            let insertion = try db.cachedStatement(
                sql: """
                    INSERT INTO audit (project, number, content, hash, filter, salt, key, action)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """)
            for entry in take() {
                let end = try ends[entry.project] ?? AuditEnd(of: entry.project, in: db)
                let filter = entry.filter.map(AuditFilter.text)
                let salt = filter.map { _ in AuditChain.salt() }
                let seal = filter.flatMap { text in salt.map { AuditChain.seal(text, salt: $0) } }
                let content = AuditChain.content(entry, number: end.number + 1, seal: seal).text
                let next = AuditEnd(number: end.number + 1, hash: AuditChain.hash(after: end.hash, content))
                try insertion.execute(arguments: [
                    entry.project, next.number, content, blob(next.hash), filter, salt.map(blob), entry.key,
                    entry.action,
                ])
                ends[entry.project] = next
            }
        }
    }

    /// Entries of a project, newest first.
    ///
    /// - Parameters:
    ///   - before: only those with a lower number.
    ///   - key: only those of this key.
    public func auditEntries(
        project: String, before: Int64?, action: String?, key: String?, limit: Int
    ) async throws(ControlError) -> [AuditRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM audit WHERE project = ? AND number < ? AND (? IS NULL OR action = ?)
                        AND (? IS NULL OR key = ?)
                    ORDER BY number DESC LIMIT ?
                    """, arguments: [project, before ?? .max, action, action, key, key, limit]
            ).map(AuditRecord.init(row:))
        }
    }

    /// Walks a project's chain from its start.
    ///
    /// - Parameter expected: a hash that must be in it, hexadecimal, such as that of the last entry when it was looked at before.
    public func verifyAudit(project: String, expecting expected: String? = nil) async throws(ControlError)
        -> AuditVerdict
    {
        try await read { db in
            var verifier = AuditVerifier(expecting: expected)
            let rows = try Row.fetchCursor(
                db, sql: "SELECT * FROM audit WHERE project = ? ORDER BY number", arguments: [project])
            while let row = try rows.next(), verifier.take(AuditVerifier.Row(row)) {}
            return verifier.finish()
        }
    }

    /// Takes out what was asked wherever it names somebody; one more entry says of which entries.
    ///
    /// - Returns: how many.
    public func redactAudit(
        project: String, _ isNamed: @escaping @Sendable (JSONValue) -> Bool
    ) async throws(ControlError) -> Int {
        // Looked for beside everything else; what comes in meanwhile came after the erasure.
        let named = try await read { db in
            var numbers: [Int64] = []
            let rows = try Row.fetchCursor(
                db, sql: "SELECT number, filter FROM audit WHERE project = ? AND filter IS NOT NULL ORDER BY number",
                arguments: [project])
            while let row = try rows.next() {
                let text: String = row["filter"]
                // What cannot be read was changed by somebody, and nobody knows whom it names.
                if (try? JSONValue(text: text)).map(isNamed) ?? true { numbers.append(row["number"]) }
            }
            return numbers
        }
        guard !named.isEmpty else { return 0 }
        try await write { db in
            let end = try AuditEnd(of: project, in: db)
            let entry = AuditEntry(at: now(), project: project, key: AuditEntry.server, action: Self.redaction)
            guard case .object(let members) = AuditChain.content(entry, number: end.number + 1, seal: nil) else {
                return
            }
            let told: JSONValue = [
                "entries": JSONValue(named.count), "sha256": .string(AuditChain.seal(ofRedacted: named)),
            ]
            let content = JSONValue.object(members + [.init("redacted", told)]).text
            try db.execute(
                sql: "INSERT INTO audit (project, number, content, hash, key, action) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    project, end.number + 1, content, blob(AuditChain.hash(after: end.hash, content)), entry.key,
                    entry.action,
                ])
            for number in named {
                try db.execute(
                    sql:
                        "UPDATE audit SET filter = NULL, salt = NULL, redacted_by = ? WHERE project = ? AND number = ?",
                    arguments: [end.number + 1, project, number])
            }
        }
        return named.count
    }
}

/// The last entry of a chain.
private struct AuditEnd {
    let number: Int64
    let hash: [UInt8]

    init(number: Int64, hash: [UInt8]) {
        self.number = number
        self.hash = hash
    }

    init(of project: String, in db: Database) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT number, hash FROM audit WHERE project = ? ORDER BY number DESC LIMIT 1",
            arguments: [project])
        self.init(number: row?["number"] ?? 0, hash: bytes(row?["hash"]) ?? AuditChain.start)
    }
}

extension AuditRecord {
    fileprivate init(row: Row) {
        let (content, filter): (String, String?) = (row["content"], row["filter"])
        self.init(
            number: row["number"], content: (try? JSONValue(text: content)) ?? .null,
            hash: AuditChain.hex(bytes(row["hash"]) ?? []), filter: filter.flatMap { try? JSONValue(text: $0) },
            redactedBy: row["redacted_by"])
    }
}

extension AuditVerifier.Row {
    fileprivate init(_ row: Row) {
        self.init(
            number: row["number"], content: row["content"], hash: bytes(row["hash"]) ?? [], filter: row["filter"],
            salt: bytes(row["salt"]), redactedBy: row["redacted_by"], key: row["key"], action: row["action"])
    }
}
