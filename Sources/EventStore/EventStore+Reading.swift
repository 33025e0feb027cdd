public import DuckDB
public import Model

/// The ways of reading, each on connections of its own, so that none waits for another.
extension EventStore {
    /// Runs `body` on a connection for short reads, first come, first served.
    ///
    /// Every statement sees a state of its own; for several that must agree, use `Connection.transaction`.
    ///
    /// - Throws: the engine's `DuckDBError`, `.busy` among them if too many wait; what `body` throws; `.closed`.
    public func read<T: Sendable>(_ body: @Sendable (Connection) throws -> T) async throws -> T {
        try await readPinned { connection, _ in try body(connection) }
    }

    /// As `read`; `body` is told what it sees.
    public func readPinned<T: Sendable>(_ body: @Sendable (Connection, Pinned) throws -> T) async throws -> T {
        try await gate.enter(.read)
        defer { gate.leave(.read) }
        let lanes = try opened()
        // In this order: the layout has the rows of everything that is applied by then.
        let seq = appliedSeq
        let layout = layouts.pin()
        defer { layouts.unpin(layout) }
        return try await lanes.readers.run { connection in
            try layout.show(on: connection)
            return try memory.usual(connection) {
                try body($0, Pinned(seq: seq, layout: layout, ties: ties, people: people))
            }
        }
    }

    /// Lends a lane for short reads, for whoever runs several jobs in a row on it.
    public func withReadLane<T: Sendable>(_ body: (Lane) async throws -> T) async throws -> T {
        try await gate.enter(.read)
        defer { gate.leave(.read) }
        return try await opened().readers.withLane { lane in
            let layout = layouts.pin()
            defer { layouts.unpin(layout) }
            try await show(layout, on: lane)
            defer { memory.leave(.usual) }
            return try await body(lane)
        }
    }

    /// Lends a lane for long reads, which do not hold up the short ones, and the layout by which it is to read: everything
    /// that was applied before is in it, and stays readable until `body` ends.
    public func withExportLane<T: Sendable>(_ body: (Lane, Layout) async throws -> T) async throws -> T {
        try await gate.enter(.long)
        defer { gate.leave(.long) }
        return try await opened().exports.withLane { lane in
            let layout = layouts.pin()
            defer { layouts.unpin(layout) }
            try await lane.run { connection in try layout.show(on: connection) }
            return try await body(lane, layout)
        }
    }

    /// Lends a lane for a report: as `withExportLane`, of the lanes for questions about everybody.
    public func withReportLane<T: Sendable>(_ body: (Lane, Layout) async throws -> T) async throws -> T {
        try await gate.enter(.long)
        defer { gate.leave(.long) }
        return try await opened().questions.withLane { lane in
            let layout = layouts.pin()
            defer { layouts.unpin(layout) }
            try await show(layout, on: lane)
            defer { memory.leave(.usual) }
            return try await body(lane, layout)
        }
    }

    /// Makes a lane ready for several jobs in a row that need the usual memory.
    func show(_ layout: Layout, on lane: Lane) async throws {
        let memory = memory
        try await lane.run { connection in
            try layout.show(on: connection)
            try memory.begin(.usual, connection)
        }
    }
}

extension EventStore {
    /// Up to which `seq` items had been received at a moment; 0 for none. What is no event, and so has no such time, counts by when it
    /// happened, between the events before and after it.
    public func seq(at moment: Timestamp) async throws -> Int64 {
        try await read { connection in
            try connection.row(
                """
                WITH event_bounds AS (
                    SELECT coalesce(max(seq) FILTER (WHERE received_at <= $1), 0) AS last,
                        coalesce(min(seq) FILTER (WHERE received_at > $1), \(Int64.max)) AS next FROM events),
                other_items AS (
                    SELECT seq, timestamp FROM property_changes UNION ALL SELECT seq, timestamp FROM aliases)
                SELECT greatest(last, coalesce((SELECT max(o.seq) FROM other_items o
                    WHERE o.seq > last AND o.seq < next AND o.timestamp <= $1), 0)) FROM event_bounds
                """, [.timestamp(moment.microseconds)])?[0].int ?? 0
        }
    }
}
