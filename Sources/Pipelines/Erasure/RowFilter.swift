internal import Destinations
internal import DuckDB
internal import Threads

/// Writes a file anew without the rows of persons, by what its own columns hold, in an engine of its own.
struct RowFilter: Sendable {
    private let columns: [(name: String, holds: RowErasure.Holds)]
    private let erasure: RowErasure

    /// Nil where the file's columns do not tell whose a row is. A key need not be an identity; and what the store no longer has, it
    /// cannot tell by its `seq`.
    ///
    /// - Parameter telling: what columns hold that tells whose a row is.
    init?(_ window: LoadedWindow, _ telling: [String: RowErasure.Holds], _ erasure: RowErasure) {
        let there = Set(window.columns.map(\.name))
        let telling = telling.filter { there.contains($0.key) }.sorted { $0.key < $1.key }
        guard
            telling.contains(where: { entry in
                switch entry.value {
                case .identity, .person, .identities: true
                case .seq: !window.isAged
                case .key: false
                }
            })
        else { return nil }
        columns = telling.map { ($0.key, $0.value) }
        self.erasure = erasure
    }

    /// The file's rows but theirs, in a file beside it; how many they are, and how many went.
    func run(_ batch: LoadBatch, in folder: String) async throws -> (file: String, rows: Int64, gone: Int64) {
        let lane = try await OwnThread.run { try Transformer.engine(in: folder) }
        let after = folder + "/after" + batch.suffix
        let kept = FilterSQL.kept(columns, erasure, batch.format)
        let (rows, gone) = try await lane.run { connection in
            let counts = try connection.row(FilterSQL.counts(batch, kept)) ?? []
            guard counts.count == 2, let rows = counts[0].int, let all = counts[1].int else {
                return (Int64(0), Int64(0))
            }
            if rows < all { try connection.execute(FilterSQL.write(batch, kept, to: after)) }
            return (rows, all - rows)
        }
        await lane.close()
        return (after, rows, gone)
    }
}
