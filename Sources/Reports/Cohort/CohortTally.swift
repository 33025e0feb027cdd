internal import DuckDB
internal import EventStore
internal import Model

/// A cohort report counted in memory: two passes over the numbers of events, starts and then returns, with a slot for each person.
///
/// A first start is known only when all are read, so that no aggregate of one pass can tell which returns come after it, and a join
/// of every return with its person's start costs more than all the rest. Each pass is an aggregate of ours (`TallyPass`) over the
/// rows. Where persons are too many for slots, and where their values matter, `CohortQuery` answers.
struct CohortTally {
    /// The memory that slots may take, in bytes.
    static let mostBytes: Int64 = 128 << 20

    /// Whether a report can be counted so.
    ///
    /// - Parameters:
    ///   - identities: no identity has a greater number.
    ///   - threads: how many the engine has, each with slots of its own.
    static func takes(_ spec: CohortSpec, identities: Int64, threads: Int64, in bytes: Int64) -> Bool {
        let slot = Int64(MemoryLayout<TallyStart>.stride + MemoryLayout<TallyReturns>.stride * Int(max(1, threads)))
        return spec.breakdown == nil && spec.periods <= UInt64.bitWidth && identities < bytes / slot
    }

    let spec: CohortSpec
    private let starts: [TallyStart]
    private let returns: [TallyReturns]
    private let startCount: Int64

    /// Runs both passes.
    ///
    /// - Parameters:
    ///   - persons: of each identity its person.
    ///   - pass: runs the statement of a pass over starts, or over returns.
    init(
        _ spec: CohortSpec, zone: ReportZone, persons: [Int32],
        _ pass: (_ selector: EventSelector, _ run: Int64) throws -> Void
    ) throws {
        func gathered(_ selector: EventSelector, _ kind: TallyPass.Kind) throws -> TallyPass.Slots {
            let running = TallyPass(kind, spec, persons: persons)
            try TallyPass.running.during(running) { run in try pass(selector, run) }
            return try running.gathered()
        }
        self.spec = spec
        let first = try gathered(spec.start, .starts)
        var starts = first.starts
        var cursor = BucketCursor(spec.interval, in: zone)
        for person in starts.indices where starts[person].time != .max {
            starts[person].cohort = Int32(truncatingIfNeeded: cursor(starts[person].time))
        }
        (self.starts, startCount) = (starts, first.count)
        returns = try gathered(spec.comeback, .returns(starts, cursor)).returns
    }

    /// The rows in their order, and how many events were looked at: starts, and returns of those who returned.
    func rows(in zone: ReportZone) -> (rows: [CohortRow], events: Int64) {
        var found: [Int32: CohortRow] = [:]
        var cursor = BucketCursor(spec.interval, in: zone)
        let (periods, none) = (TallyPeriods(spec), TallyReturns(spec.mode))
        for person in starts.indices where starts[person].time != .max {
            let slot = person < returns.count ? returns[person] : none
            let mark =
                switch spec.mode {
                case .every: slot.mark
                case .first: slot.first.map { periods.bit(of: $0, after: starts[person], &cursor) } ?? 0
                }
            found[starts[person].cohort, default: CohortRow(number: Int64(starts[person].cohort), spec)]
                .add(mark, hits: mark == 0 ? 0 : Int64(slot.hits))
        }
        let rows = found.values.sorted { $0.number < $1.number }
        return (rows, rows.reduce(startCount) { $0 + $1.events })
    }
}
