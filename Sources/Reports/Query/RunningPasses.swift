internal import Synchronization

/// The passes of one kind over events that are under way, by the number that their statements carry: an aggregate of the engine is known
/// to the whole database, and what it gathers belongs to one report.
final class RunningPasses<Pass: Sendable>: Sendable {
    private struct Runs {
        var last: Int64 = 0
        var passes: [Int64: Pass] = [:]
    }

    private let runs = Mutex(Runs())

    /// Answers statements that carry the number while `body` runs.
    func during(_ pass: Pass, _ body: (_ run: Int64) throws -> Void) throws {
        let run = runs.withLock { runs in
            runs.last += 1
            runs.passes[runs.last] = pass
            return runs.last
        }
        defer { _ = runs.withLock { $0.passes.removeValue(forKey: run) } }
        try body(run)
    }

    /// Nil if the run is over: its statement has nobody to answer.
    func pass(_ run: Int64) -> Pass? { runs.withLock { $0.passes[run] } }
}
