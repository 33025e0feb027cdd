internal import DuckDB
internal import Model
internal import Synchronization

extension EventStore {
    /// Makes the index of persons, or brings it up to date.
    func indexPersons() async throws {
        try await gate.enter(.long)
        defer { gate.leave(.long) }
        lookups.watch()
        // In this order: the layout has the rows of everything that is applied by then, and what is tied from here on makes the
        // version another one.
        let (version, seq) = (ties.version, appliedSeq)
        let layout = layouts.pin()
        defer { layouts.unpin(layout) }
        let lookups = lookups
        // A lane that stands back: look-ups come meanwhile, which is why it is made.
        try await opened().questions.run { [memory] connection in
            try memory.usual(connection) { connection in
                try connection.transaction { connection in
                    try lookups.build(PersonRows(connection: connection, layout: layout, upTo: seq), version)
                }
            }
        }
    }
}

/// The rows that an index is made of.
struct PersonRows {
    let connection: Connection
    let layout: Layout
    /// The highest `seq` that is read.
    let upTo: Int64

    /// The rows of a table after a `seq`; nil if no source can have any.
    func rows(_ table: RowTable, after: Int64?, _ columns: String) -> String? {
        let parts = parts(table, after: after, columns)
        return parts.isEmpty ? nil : parts.joined(separator: " UNION ALL ")
    }

    /// The same of each source by itself.
    private func parts(_ table: RowTable, after: Int64?, _ columns: String) -> [String] {
        layout.sources.compactMap { source -> String? in
            var tests: [String] = []
            if case .file(let file) = source {
                if file.contents.rows(of: table) == 0 { return nil }
                if let after, file.contents.seqs.upperBound <= after { return nil }
                if file.contents.seqs.upperBound > upTo { tests.append("seq <= \(upTo)") }
            } else {
                tests.append("seq <= \(upTo)")
            }
            if let after { tests.append("seq > \(after)") }
            let test = tests.isEmpty ? "" : " WHERE " + tests.joined(separator: " AND ")
            return "SELECT \(columns) FROM \(source.name(table))\(test)"
        }
    }

    /// What identities did after a `seq`; one that lies in several places comes several times.
    ///
    /// A source at a time, as its rows lie: in cold files, those of one identity together. Grouped by the engine it would take all
    /// processors for as long, and look-ups come meanwhile.
    func eachActivity(after: Int64?, _ body: (Int64, PersonActivity) -> Void) throws(DuckDBError) {
        var rests = Rests()
        for part in parts(.events, after: after, "identity_id, timestamp") {
            var current: (identity: Int64, activity: PersonActivity)?
            let found = try connection.query(part)
            while let chunk = try found.nextChunk() {
                rests.take()
                let (identities, times) = (chunk.column(0), chunk.column(1))
                let (ids, moments) = (identities.int64s, times.int64s)
                for row in 0..<chunk.rowCount {
                    let activity = PersonActivity(first: moments[row], last: moments[row], count: 1)
                    if let known = current, known.identity == ids[row] {
                        current = (ids[row], known.activity.with(activity))
                    } else {
                        if let known = current { body(known.identity, known.activity) }
                        current = (ids[row], activity)
                    }
                }
            }
            if let current { body(current.identity, current.activity) }
        }
    }

    func each(_ sql: String?, _ body: (Chunk, Int) -> Void) throws(DuckDBError) {
        guard let sql else { return }
        let rows = try connection.query(sql)
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount { body(chunk, row) }
        }
    }
}

extension PersonIndex {
    /// More changes of properties than this are not read for their values.
    private static let mostChanges: Int64 = 10_000_000
    private static let mostHidden = 50_000

    /// Reads what is missing. Look-ups go on meanwhile.
    func build(_ rows: PersonRows, _ tiesVersion: Int64) throws(DuckDBError) {
        let before = state.withLock { state in
            (
                asOf: state.asOf, names: state.names, last: state.lastIdentity, circles: state.circles,
                hidden: state.hidden
            )
        }
        // With many whose properties have to be read from the tables all of it is made anew.
        let after = before.hidden > Self.mostHidden ? nil : before.asOf
        var (names, last) = (before.names, before.last)
        let found = try rows.connection.query(
            "SELECT identity_id, identity FROM identities WHERE identity_id > \(last) AND identity_id <= \(Self.mostIdentities)"
        )
        var rests = Rests()
        while let chunk = try found.nextChunk() {
            rests.take()
            let (numbers, texts) = (chunk.column(0), chunk.column(1))
            let ids = numbers.int64s
            for row in 0..<chunk.rowCount {
                names.set(Hash128(texts.text(row), seed: seed), ids[row])
                last = max(last, ids[row])
            }
        }
        let circles =
            before.circles.version == tiesVersion
            ? before.circles : try TiedCircles(rows.connection, version: tiesVersion)
        var (all, added) = (ActivityTable(), [Int64: PersonActivity]())
        try rows.eachActivity(after: after) { identity, found in
            if after == nil {
                all.add(found, to: identity)
            } else {
                added[identity] = added[identity]?.with(found) ?? found
            }
        }
        if after == nil {
            let documents = try documents(rows)
            // Whoever has newer rows than the index is noted, and not looked for here.
            state.withLock { state in
                guard state.isWatching, state.asOf == before.asOf else { return }
                (state.activity, state.documents, state.hidden) = (all, documents, 0)
            }
        }
        var changed: [Int64] = []
        if let after {
            let changes = rows.rows(.propertyChanges, after: after, "identity_id")
            try rows.each(changes.map { "SELECT DISTINCT identity_id FROM (\($0)) c" }) { chunk, row in
                changed.append(chunk.int64(0, row: row))
            }
        }
        state.withLock { state in
            // It was forgotten meanwhile, or begun anew.
            guard state.isWatching, state.asOf == before.asOf else { return }
            (state.names, state.lastIdentity, state.circles) = (names, last, circles)
            // Until now all of these were in the notes, and nobody looked here for them.
            for (identity, found) in added { state.activity.add(found, to: identity) }
            for identity in changed { state.documents.hide(identity) }
            state.hidden += changed.count
            state.notes = state.notes.filter { $0.value > rows.upTo }
            state.asOf = rows.upTo
        }
    }

    /// Everybody's current properties.
    private func documents(_ rows: PersonRows) throws(DuckDBError) -> PropertyDocuments {
        var documents = PropertyDocuments()
        let count = rows.layout.files.reduce(0) { $0 + $1.contents.changes }
        guard count <= Self.mostChanges else {
            let all = rows.rows(.propertyChanges, after: nil, "identity_id")
            try rows.each(all.map { "SELECT DISTINCT identity_id FROM (\($0)) c" }) { chunk, row in
                documents.hide(chunk.int64(0, row: row))
            }
            return documents
        }
        let all = rows.rows(.propertyChanges, after: nil, "identity_id, name, value, timestamp, seq")
        try rows.each(
            all.map {
                """
                SELECT identity_id, name, \(DuckDBDialect.latestText("value")) FROM (\($0)) c GROUP BY identity_id, name
                ORDER BY identity_id, name
                """
            }
        ) { chunk, row in
            chunk.text(1, row: row) { name in
                chunk.text(2, row: row) { value in documents.add(name, value, to: chunk.int64(0, row: row)) }
            }
        }
        return documents
    }
}
