internal import DuckDB
internal import EventStore

/// Reads a zone's offsets from the engine, which also reads the times that a specification writes without one: both know
/// the same rules, whatever machine it is.
enum ZoneChanges {
    /// Seconds since 1970 of 1800-01-01: the first zones got their standard times later.
    private static let earliest: Int64 = -5_364_662_400
    /// Shorter than any time for which a zone has ever had another offset (Freetown's summer of 1939: four days).
    private static let step: Int64 = 3 * 86_400

    /// The zone of a name, or of an offset such as `+02:00`.
    static func zone(_ name: String, _ connection: Connection) throws -> WrittenZone {
        if let fixed = SpecClock.offset(name) { return WrittenZone(fixed: fixed) }
        let end = WrittenZone.cycleEnd / 1_000_000
        let coarse = try offsets(DuckDBDialect.steps(from: earliest, to: end, by: step), name, connection)
        var changes: [(before: Int64, after: Int64, offset: Int64, old: Int64)] = []
        for (a, b) in zip(coarse, coarse.dropFirst()) where a.offset != b.offset {
            changes.append((a.moment, b.moment, b.offset, a.offset))
        }
        // All at once: which half has each change?
        while let gap = changes.map({ $0.after - $0.before }).max(), gap > 1 {
            let middles = changes.map { $0.before + ($0.after - $0.before) / 2 }
            let found = try offsets(DuckDBDialect.numbers(middles), name, connection)
            guard found.count == changes.count else { throw ExportError(.store, "a zone's offsets are missing") }
            for (i, (moment, offset)) in found.enumerated() {
                if offset == changes[i].old { changes[i].before = moment } else { changes[i].after = moment }
            }
        }
        return WrittenZone(
            first: coarse.first?.offset ?? 0, changes: changes.map { (at: $0.after, offset: $0.offset) })
    }

    private static func offsets(
        _ moments: SQLFragment, _ zone: String, _ connection: Connection
    ) throws -> [(moment: Int64, offset: Int64)] {
        let statement = SQLStatement(DuckDBDialect.localSeconds(of: moments, in: zone))
        var out: [(Int64, Int64)] = []
        let rows = try connection.query(statement.text, statement.values)
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount {
                let moment = chunk.int64(0, row: row)
                out.append((moment, chunk.int64(1, row: row) - moment))
            }
        }
        return out
    }
}
