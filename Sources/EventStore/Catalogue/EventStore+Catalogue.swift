internal import DuckDB
internal import Model

extension EventStore {
    /// How many `seq` are counted at once, so that no question takes long.
    private static let catalogueStep: Int64 = 500_000

    /// Counts on, up to a `seq`: what was counted before is not read again.
    ///
    /// - Parameter known: an earlier count of this store; one of before an erasure is begun anew.
    public func catalogue(_ known: CatalogueCounts?, through seq: Int64) async throws -> CatalogueCounts {
        var counts = CatalogueCounts(epoch: erasureEpoch)
        if let known, known.epoch == counts.epoch { counts = known }
        while counts.seq < seq {
            let (base, end) = (counts, min(seq, counts.seq + Self.catalogueStep))
            counts = try await ask { connection, _ in try Self.counted(base, through: end, connection) }
        }
        return counts
    }

    private static func counted(
        _ base: CatalogueCounts, through end: Int64, _ connection: Connection
    ) throws -> CatalogueCounts {
        var counts = base
        let range = "seq > \(counts.seq) AND seq <= \(end)"
        let events = try connection.query("SELECT event, timestamp, properties FROM events WHERE \(range)")
        while let chunk = try events.nextChunk() {
            for row in 0..<chunk.rowCount {
                let time = Timestamp(microseconds: chunk.int64(1, row: row))
                chunk.text(0, row: row) { name in
                    chunk.text(2, row: row) { properties in counts.addEvent(name, time, properties) }
                }
            }
        }
        let changes = try connection.query("SELECT name, timestamp, value FROM property_changes WHERE \(range)")
        while let chunk = try changes.nextChunk() {
            for row in 0..<chunk.rowCount {
                let time = Timestamp(microseconds: chunk.int64(1, row: row))
                chunk.text(0, row: row) { name in
                    chunk.text(2, row: row) { value in counts.addChange(name, time, value) }
                }
            }
        }
        counts.seq = end
        return counts
    }
}
