internal import DuckDB
internal import Synchronization

/// The identities of the events that a statement goes through, noted on the way: to ask for them afterwards would be another
/// pass. To the engine the function that does it is zero.
final class SeenIdentities: Sendable {
    private struct Seen {
        /// A bit for each identity.
        var bits: [UInt64]
        var events: Int64 = 0
    }

    private struct Runs {
        var last: Int64 = 0
        var seen: [Int64: SeenIdentities] = [:]
    }

    /// Those whose statements run, by the number that these carry.
    private static let runs = Mutex(Runs())

    private let seen: Mutex<Seen>

    /// - Parameter last: no identity has a greater number.
    init(last: Int64) { seen = Mutex(Seen(bits: Array(repeating: 0, count: Int(last >> 6) + 1))) }

    /// Makes the function known to the database; a second time does nothing.
    static func register(on connection: Connection) throws(DuckDBError) {
        try connection.register(
            ScalarFunction(name: ReportDialect.seenName, takes: [.int64, .int64], returns: .int64) {
                arguments, results in
                guard arguments.rowCount > 0 else { return }
                let run = arguments.int64(0, row: 0)
                runs.withLock { $0.seen[run] }?.note(arguments.int64s(1))
                for row in 0..<arguments.rowCount { results.set(row, Int64(0)) }
            })
    }

    /// Runs a statement that carries the number.
    static func noting<T>(_ identities: SeenIdentities, _ body: (_ run: Int64) throws -> T) rethrows -> T {
        let run = runs.withLock { runs in
            runs.last += 1
            runs.seen[runs.last] = identities
            return runs.last
        }
        defer { _ = runs.withLock { $0.seen.removeValue(forKey: run) } }
        return try body(run)
    }

    private func note(_ identities: Span<Int64>) {
        seen.withLock { seen in
            seen.events += Int64(identities.count)
            var bits = seen.bits.mutableSpan
            for row in identities.indices {
                let word = Int(identities[row] >> 6)
                // Others are of no person either.
                guard word >= 0, word < bits.count else { continue }
                bits[word] |= 1 << UInt64(identities[row] & 63)
            }
        }
    }

    /// How many events there were, and of how many persons.
    func counted(_ run: ReportRun) throws -> ReportAnswer.Looked {
        var (bits, events) = seen.withLock { ($0.bits, $0.events) }
        try run.forEachTie { (identity, person) in
            let (word, bit) = (Int(identity >> 6), 1 << UInt64(identity & 63) as UInt64)
            guard bits.indices.contains(word), bits[word] & bit != 0, bits.indices.contains(Int(person >> 6)) else {
                return
            }
            // A tied identity counts as its person, whose own number is that of nobody else.
            bits[word] &= ~bit
            bits[Int(person >> 6)] |= 1 << UInt64(person & 63)
        }
        return .init(events: events, people: bits.reduce(0) { $0 + Int64($1.nonzeroBitCount) })
    }
}
