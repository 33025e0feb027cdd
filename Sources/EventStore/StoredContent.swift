internal import DuckDB
public import Model

/// What an item says, for looking whether the store has it already. Texts are bytes that are UTF-8.
///
/// Imports ask this of what may be older than the journal's memory of ids: events that came without an id of their own by
/// identity, name and time, changes and aliases by everything that they say.
public enum SoughtContent: Sendable {
    /// An event; `name` in lower case with commas and colons as spaces, as KISSmetrics compares it. `nth` of them must be there.
    case event(identity: [UInt8], name: [UInt8], time: Timestamp, nth: Int)
    /// A property set on a person; with `folds`, `name` is in lower case and stands for all its forms. `nth` of them must be
    /// there.
    case change(identity: [UInt8], name: [UInt8], folds: Bool, value: [UInt8], time: Timestamp, nth: Int)
    /// Two identities that were tied, in either order.
    case alias(identity: [UInt8], other: [UInt8], time: Timestamp)
    /// An input that was refused.
    case reject(reason: [UInt8], raw: [UInt8])
}

extension EventStore {
    /// The places of those that the store has under a `seq` up to `limit`.
    public func places(of sought: [SoughtContent], upTo limit: Int64) async throws -> Set<Int> {
        guard !sought.isEmpty, limit > 0 else { return [] }
        return try await read { connection in
            var found: Set<Int> = []
            for query in ContentQuery.all {
                let lists = query.lists(sought)
                guard let places = lists.first, case .list(let numbers) = places, !numbers.isEmpty else { continue }
                let rows = try connection.query(query.sql, lists + [.int(limit)])
                while let chunk = try rows.nextChunk() {
                    for row in 0..<chunk.rowCount { found.insert(Int(chunk.int64(0, row: row))) }
                }
            }
            return found
        }
    }
}

/// One statement for all of a kind that are sought. Its binds are lists of the same length, the places first, and then the
/// highest `seq`.
private struct ContentQuery {
    let sql: String
    /// The values of one that is sought, in the order of the binds; nil for those of another kind.
    let values: @Sendable (SoughtContent) -> [DuckValue]?

    func lists(_ sought: [SoughtContent]) -> [DuckValue] {
        var columns: [[DuckValue]] = []
        for (place, content) in sought.enumerated() {
            guard let values = values(content) else { continue }
            if columns.isEmpty { columns = Array(repeating: [], count: values.count + 1) }
            columns[0].append(.int(Int64(place)))
            for (column, value) in values.enumerated() { columns[column + 1].append(value) }
        }
        return columns.map { .list($0) }
    }

    static let all = [events, changes, foldedChanges, aliases, rejects]

    private static func text(_ bytes: [UInt8]) -> DuckValue { .text(String(decoding: bytes, as: UTF8.self)) }

    private static let events = ContentQuery(
        sql: """
            WITH w AS (SELECT unnest($1::BIGINT[]) AS place, unnest($2::VARCHAR[]) AS identity,
                unnest($3::VARCHAR[]) AS name, unnest($4::BIGINT[]) AS time, unnest($5::BIGINT[]) AS nth)
            SELECT w.place FROM w JOIN identities i ON i.identity = w.identity
            JOIN events e ON e.identity_id = i.identity_id AND e.timestamp = make_timestamp(w.time)
            LEFT JOIN names n ON n.kind = 'event' AND n.name = e.event
            WHERE e.seq <= $6 AND translate(coalesce(n.folded, lower(e.event)), ',:', '  ') = w.name
            GROUP BY w.place, w.nth HAVING count(*) >= w.nth
            """
    ) { content in
        guard case .event(let identity, let name, let time, let nth) = content else { return nil }
        return [text(identity), text(name), .int(time.microseconds), .int(Int64(nth))]
    }

    private static let changes = ContentQuery(
        sql: """
            WITH w AS (SELECT unnest($1::BIGINT[]) AS place, unnest($2::VARCHAR[]) AS identity,
                unnest($3::VARCHAR[]) AS name, unnest($4::VARCHAR[]) AS value, unnest($5::BIGINT[]) AS time,
                unnest($6::BIGINT[]) AS nth)
            SELECT w.place FROM w JOIN identities i ON i.identity = w.identity
            JOIN property_changes c ON c.identity_id = i.identity_id AND c.timestamp = make_timestamp(w.time)
                AND c.name = w.name AND c.value = w.value
            WHERE c.seq <= $7 GROUP BY w.place, w.nth HAVING count(*) >= w.nth
            """
    ) { content in
        guard case .change(let identity, let name, false, let value, let time, let nth) = content else { return nil }
        return [text(identity), text(name), text(value), .int(time.microseconds), .int(Int64(nth))]
    }

    private static let foldedChanges = ContentQuery(
        sql: """
            WITH w AS (SELECT unnest($1::BIGINT[]) AS place, unnest($2::VARCHAR[]) AS identity,
                unnest($3::VARCHAR[]) AS name, unnest($4::VARCHAR[]) AS value, unnest($5::BIGINT[]) AS time,
                unnest($6::BIGINT[]) AS nth)
            SELECT w.place FROM w JOIN identities i ON i.identity = w.identity
            JOIN property_changes c ON c.identity_id = i.identity_id AND c.timestamp = make_timestamp(w.time)
                AND c.value = w.value
            LEFT JOIN names n ON n.kind = 'property' AND n.name = c.name
            WHERE c.seq <= $7 AND translate(coalesce(n.folded, lower(c.name)), ',:', '  ') = w.name
            GROUP BY w.place, w.nth HAVING count(*) >= w.nth
            """
    ) { content in
        guard case .change(let identity, let name, true, let value, let time, let nth) = content else { return nil }
        return [text(identity), text(name), text(value), .int(time.microseconds), .int(Int64(nth))]
    }

    private static let aliases = ContentQuery(
        sql: """
            WITH w AS (SELECT unnest($1::BIGINT[]) AS place, unnest($2::VARCHAR[]) AS one,
                unnest($3::VARCHAR[]) AS two, unnest($4::BIGINT[]) AS time)
            SELECT DISTINCT w.place FROM w JOIN aliases a ON a.timestamp = make_timestamp(w.time)
                AND least(a.identity, a.other) = least(w.one, w.two)
                AND greatest(a.identity, a.other) = greatest(w.one, w.two)
            WHERE a.seq <= $5
            """
    ) { content in
        guard case .alias(let identity, let other, let time) = content else { return nil }
        return [text(identity), text(other), .int(time.microseconds)]
    }

    private static let rejects = ContentQuery(
        sql: """
            WITH w AS (SELECT unnest($1::BIGINT[]) AS place, unnest($2::VARCHAR[]) AS reason,
                unnest($3::VARCHAR[]) AS raw)
            SELECT DISTINCT w.place FROM w JOIN rejects r ON r.reason = w.reason AND r.raw = w.raw
            WHERE r.seq <= $4
            """
    ) { content in
        guard case .reject(let reason, let raw) = content else { return nil }
        return [text(reason), text(raw)]
    }
}
