internal import DuckDB
public import Model

/// A name that was stored, in the form in which it came.
public struct StoredName: Sendable, Equatable {
    public let name: String
    /// The `seq` of the first item that has it.
    public let firstSeq: Int64
}

/// An input that was refused.
public struct StoredReject: Sendable, Equatable {
    public let seq: Int64
    public let receivedAt: Timestamp
    /// The protocol's name (`WireProtocol.label`).
    public let wire: String
    public let reason: String
    /// The input, as much of it as was kept.
    public let raw: String
}

extension EventStore {
    /// The names of all events, in the order of their first appearance.
    public func eventNames() async throws -> [StoredName] { try await names(.event) }

    /// The names of all properties that were set on people, in the order of their first appearance.
    public func propertyNames() async throws -> [StoredName] { try await names(.property) }

    private func names(_ kind: NameTable.Kind) async throws -> [StoredName] {
        try await read { connection in
            let rows = try connection.rows(
                "SELECT name, first_seq FROM names WHERE kind = $1 ORDER BY first_seq, rowid", [.text(kind.label)])
            return rows.compactMap { row in
                guard let name = row[0].text, let seq = row[1].int else { return nil }
                return StoredName(name: name, firstSeq: seq)
            }
        }
    }

    /// What was refused, newest first.
    ///
    /// - Parameter before: only those with a smaller `seq`; nil for the newest.
    public func rejects(before: Int64? = nil, limit: Int) async throws -> [StoredReject] {
        try await read { connection in
            let rows = try connection.rows(
                """
                SELECT seq, received_at, protocol, reason, raw FROM rejects WHERE seq < $1
                ORDER BY seq DESC LIMIT $2
                """, [.int(before ?? .max), .int(Int64(limit))])
            return rows.compactMap { row in
                guard let seq = row[0].int, let at = row[1].timestamp else { return nil }
                return StoredReject(
                    seq: seq, receivedAt: Timestamp(microseconds: at), wire: row[2].text ?? "",
                    reason: row[3].text ?? "", raw: row[4].text ?? "")
            }
        }
    }

    /// Which of these event ids are stored under a `seq` up to `limit`. For imports of what is older than the journal's
    /// duplicates; reads all those ids of the store.
    public func existingEventIDs(_ ids: [String], upTo limit: Int64 = .max) async throws -> Set<String> {
        guard !ids.isEmpty else { return [] }
        return try await read { connection in
            let rows = try connection.query(
                """
                SELECT DISTINCT e.event_id FROM events e
                JOIN (SELECT unnest($1::VARCHAR[]) AS event_id) wanted ON e.event_id = wanted.event_id
                WHERE e.seq <= $2
                """, [.list(ids.map { .text($0) }), .int(limit)])
            var found: Set<String> = []
            while let chunk = try rows.nextChunk() {
                for row in 0..<chunk.rowCount {
                    found.insert(chunk.text(0, row: row) { text in String(utf8: text) })
                }
            }
            return found
        }
    }
}
