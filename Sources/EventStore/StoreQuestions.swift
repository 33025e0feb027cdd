public import DuckDB
public import Model

extension EventStore {
    /// Runs `body` on a connection for questions about everybody: few at once, so that they hold up neither short reads nor
    /// collection, and each for a limited time.
    ///
    /// - Throws: `.tooLong` if it was cut off; the engine's `DuckDBError`, `.busy` among them if too many wait; what `body`
    ///   throws; `.closed`.
    public func ask<T: Sendable>(_ body: @escaping @Sendable (Connection, Pinned) throws -> T) async throws -> T {
        try await gate.enter(.long)
        defer { gate.leave(.long) }
        let lanes = try opened()
        let limit = settings.questionLimit
        return try await lanes.questions.withLane { lane in
            let seq = appliedSeq
            let layout = layouts.pin()
            defer { layouts.unpin(layout) }
            let (pinned, memory) = (Pinned(seq: seq, layout: layout, ties: ties), memory)
            return try await Self.limited(to: limit) {
                try await lane.run { connection in
                    try layout.show(on: connection)
                    return try memory.usual(connection) { try body($0, pinned) }
                }
            }
        }
    }

    /// As `ask`, for rows that leave while they are read: `body` may take as long as its reader does.
    public func askSlowly<T: Sendable>(_ body: (Lane, Pinned) async throws -> T) async throws -> T {
        try await gate.enter(.long)
        defer { gate.leave(.long) }
        return try await opened().questions.withLane { lane in
            let seq = appliedSeq
            let layout = layouts.pin()
            defer { layouts.unpin(layout) }
            try await show(layout, on: lane)
            defer { memory.leave(.usual) }
            return try await body(lane, Pinned(seq: seq, layout: layout, ties: ties))
        }
    }

    private static func limited<T: Sendable>(
        to limit: Duration, _ body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let answer = first else {
                throw StoreError(
                    .tooLong,
                    "The question took more than \(limit.components.seconds) s and was cut off. Ask a narrower one: fewer conditions, or a shorter time."
                )
            }
            return answer
        }
    }

    /// Reads a condition whose times are written in a zone and may count from `now`.
    ///
    /// - Returns: the condition, and its JSON with every time fixed.
    public func condition(
        _ json: JSONValue, path: String, timezone: String, now: Timestamp
    ) async throws -> (tree: Condition, fixed: JSONValue) {
        let clock = QueryClock(timezone: timezone)
        return try await read { connection in
            let zone = ZoneReader(timezone, connection)
            // A wrong name is an error even where no time needs it.
            if QueryClock.offset(timezone) == nil { _ = try zone.moment(ofLocal: 0) }
            let tree = try Condition(json, path: path) { (text, path) throws(QueryError) in
                let moment = try clock.read(text, now: now) { (local) throws(QueryError) in
                    try zone.moment(ofLocal: local)
                }
                guard let moment else {
                    throw QueryError(.invalidCondition, at: path, "\"\(text)\" \(QueryClock.isNoTime)")
                }
                guard moment.isInRange else {
                    throw QueryError(.invalidCondition, at: path, "\"\(text)\" \(QueryClock.isOutside)")
                }
                return moment
            }
            return (tree, tree.fixed(json))
        }
    }

    /// The moment of a time that is written in a zone and may count from `now`.
    public func moment(_ text: String, path: String, timezone: String, now: Timestamp) async throws -> Timestamp {
        let clock = QueryClock(timezone: timezone)
        return try await read { connection in
            let zone = ZoneReader(timezone, connection)
            let moment = try clock.read(text, now: now) { (local) throws(QueryError) in
                try zone.moment(ofLocal: local)
            }
            guard let moment else {
                throw QueryError(.invalidCondition, at: path, "\"\(text)\" \(QueryClock.isNoTime)")
            }
            guard moment.isInRange else {
                throw QueryError(.invalidCondition, at: path, "\"\(text)\" \(QueryClock.isOutside)")
            }
            return moment
        }
    }
}

extension SQLStatement {
    /// The values as the engine takes them.
    public var values: [DuckValue] {
        binds.map { value in
            switch value {
            case .text(let text): .text(text)
            case .int(let number): .int(number)
            case .double(let number): .double(number)
            case .bool(let truth): .bool(truth)
            case .time(let time): .timestamp(time.microseconds)
            }
        }
    }
}
