internal import Collect
internal import Journal
internal import Model
internal import Synchronization

/// A number that only grows.
final class Counter: Sendable {
    private let value = Atomic<Int64>(0)
    func add(_ amount: Int64) { value.add(amount, ordering: .relaxed) }
    var current: Int64 { value.load(ordering: .relaxed) }
}

/// Counts of durations at or under each of a few bounds.
final class Histogram: Sendable {
    /// Upper bounds in µs; what is above the last is in a bucket of its own.
    static let bounds: [Int64] = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 10_000_000,
    ]
    private let buckets = (0...bounds.count).map { _ in Counter() }
    private let total = Counter()

    func record(microseconds: Int64) {
        let bucket = Self.bounds.firstIndex { microseconds <= $0 } ?? Self.bounds.count
        buckets[bucket].add(1)
        total.add(microseconds)
    }

    /// Counts cumulated from the shortest bound on, the sum in µs.
    var snapshot: (cumulated: [Int64], sum: Int64) {
        var running: Int64 = 0
        let cumulated = buckets.map { bucket in
            running += bucket.current
            return running
        }
        return (cumulated, total.current)
    }
}

/// Numbers of the whole server since its start. What the rooms count themselves is read from their statuses.
final class ServerMetrics: Sendable {
    /// What came by one protocol.
    final class Wire: Sendable {
        let accepted = Counter()
        let duplicates = Counter()
        let rejected = Counter()
        let bytes = Counter()
        let refusedRequests = Counter()
    }

    let native = Wire()
    let kissmetrics = Wire()
    let segment = Wire()
    let importFile = Wire()
    let faults = Counter()
    let collectTime = Histogram()
    let otherTime = Histogram()
    /// Answers by the first digit of their status, 1 to 5.
    let statuses = (0..<6).map { _ in Counter() }

    func wire(_ wire: WireProtocol) -> Wire {
        switch wire {
        case .native: native
        case .kissmetrics: kissmetrics
        case .segment: segment
        case .importFile: importFile
        }
    }

    func requestEnded(status: Int, microseconds: Int64, isCollection: Bool) {
        statuses[min(max(status / 100, 0), 5)].add(1)
        (isCollection ? collectTime : otherTime).record(microseconds: microseconds)
    }

    /// Counts what became of a request's inputs.
    func collected(_ parsed: ParsedRequest, _ receipt: Receipt, wire: WireProtocol, bytes: Int) {
        let counters = self.wire(wire)
        var duplicates: Int64 = 0
        for verdict in receipt.verdicts { if case .duplicate = verdict { duplicates += 1 } }
        let rejected = Int64(parsed.rejectCount)
        counters.rejected.add(rejected)
        counters.duplicates.add(duplicates)
        counters.accepted.add(Int64(receipt.verdicts.count) - duplicates - rejected)
        counters.bytes.add(Int64(bytes))
    }
}
