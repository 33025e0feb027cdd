internal import Destinations
internal import DuckDB
internal import Threads

/// Writes a file anew without the rows of persons, by what its own columns hold, in an engine of its own.
struct RowFilter: Sendable {
    private let columns: [(name: String, holds: RowErasure.Holds)]
    private let erasure: RowErasure
    /// What columns are called from now on that are called after persons.
    var renames: [String: String] = [:]
    /// How the lines of a CSV end: as an export ends them, or as a transformation does.
    var lineEnd = FilterSQL.LineEnd.export

    /// Nil where the file's columns do not tell whose a row is. A key need not be an identity; and what the store no longer has, it
    /// cannot tell by its `seq`.
    ///
    /// - Parameters:
    ///   - there: the file's columns.
    ///   - isAged: whether it may have rows that the store has no more.
    ///   - telling: what columns hold that tells whose a row is.
    init?(_ there: [LoadColumn], isAged: Bool, _ telling: [String: RowErasure.Holds], _ erasure: RowErasure) {
        let there = Set(there.map(\.name))
        let telling = telling.filter { there.contains($0.key) }.sorted { $0.key < $1.key }
        guard
            telling.contains(where: { entry in
                switch entry.value {
                case .identity, .person, .identities: true
                case .seq: !isAged
                case .key: false
                }
            })
        else { return nil }
        columns = telling.map { ($0.key, $0.value) }
        self.erasure = erasure
    }

    /// Keeps every row, and renames columns.
    init(renaming renames: [String: String], _ erasure: RowErasure) {
        (columns, self.erasure, self.renames) = ([], erasure, renames)
    }

    /// The file's rows but theirs, in a file beside it, or the file itself where nothing is to be changed; how many they are, and how many
    /// went.
    func run(_ batch: LoadBatch, in folder: String) async throws -> (file: String, rows: Int64, gone: Int64) {
        let lane = try await OwnThread.run { try Transformer.engine(in: folder) }
        let after = folder + "/after" + batch.suffix
        let kept = FilterSQL.kept(columns, erasure, batch.format)
        do {
            let (rows, gone) = try await lane.run { connection in
                let counts = try connection.row(FilterSQL.counts(batch, kept)) ?? []
                guard counts.count == 2, let rows = counts[0].int, let all = counts[1].int else {
                    return (Int64(0), Int64(0))
                }
                if rows < all || !renames.isEmpty {
                    try connection.execute(FilterSQL.write(batch, kept, renames, lineEnd, to: after))
                }
                return (rows, all - rows)
            }
            await lane.close()
            return (gone > 0 || !renames.isEmpty ? after : batch.file, rows, gone)
        } catch {
            await lane.close()
            throw error
        }
    }
}
