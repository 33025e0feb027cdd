internal import DuckDB
internal import Model
internal import Synchronization

extension EventStore {
    /// Makes the index of persons, or makes it complete.
    func indexPersons() async throws {
        try await gate.enter(.long)
        defer { gate.leave(.long) }
        let layout = layouts.pin()
        defer { layouts.unpin(layout) }
        // Before the transaction: what is tied while it runs makes the version another one.
        let version = ties.version
        let lookups = lookups
        try await compactor { connection in
            try connection.transaction { connection in try lookups.build(connection, layout, tiesVersion: version) }
        }
    }
}

extension PersonIndex {
    /// Reads what is missing. Look-ups go on meanwhile.
    func build(_ connection: Connection, _ layout: Layout, tiesVersion: Int64) throws(DuckDBError) {
        let before = state.withLock { $0 }
        var (names, last) = (before.names, before.lastIdentity)
        let rows = try connection.query(
            "SELECT identity_id, identity FROM identities WHERE identity_id > $1 AND identity_id <= $2",
            [.int(last), .int(Self.mostIdentities)])
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount {
                let id = chunk.int64(0, row: row)
                names.set(chunk.text(1, row: row) { Hash128($0, seed: seed) }, id)
                last = max(last, id)
            }
        }
        let circles =
            before.circles.version == tiesVersion
            ? before.circles : try TiedCircles(connection, version: tiesVersion)
        var files = before.files.filter { id, _ in layout.files.contains { $0.id == id } }
        var room = Self.mostEntries - files.values.reduce(0) { $0 + $1.count }
        for file in layout.files where files[file.id] == nil {
            guard let read = try FileActivity(file, connection, atMost: room) else { continue }
            files[file.id] = read
            room -= read.count
        }
        var touched: [Int64: IdentityBits] = [:]
        // What came later was noted as it came.
        for generation in before.isBuilt ? [] : layout.generations {
            var bits = IdentityBits()
            for table in RowTable.allCases {
                let name = Layout.Source.generation(generation).name(table)
                let rows = try connection.query("SELECT DISTINCT identity_id FROM \(name)")
                while let chunk = try rows.nextChunk() {
                    for row in 0..<chunk.rowCount { bits.insert(chunk.int64(0, row: row)) }
                }
            }
            touched[generation] = bits
        }
        keep(names, last, circles, files, touched, from: layout.generations.first ?? 0)
    }

    private func keep(
        _ names: HashIndex, _ last: Int64, _ circles: TiedCircles, _ files: [Int64: FileActivity],
        _ found: [Int64: IdentityBits], from first: Int64
    ) {
        state.withLock { state in
            (state.names, state.lastIdentity, state.circles, state.files) = (names, last, circles, files)
            state.firstGeneration = first
            state.touched = state.touched.filter { $0.key >= first }
            for (generation, bits) in found { state.touched[generation, default: IdentityBits()].formUnion(bits) }
            state.isBuilt = true
        }
    }
}
