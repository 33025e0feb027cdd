internal import DuckDB
internal import Model
internal import Synchronization

/// One pass of a cohort report over its events, as an aggregate of the engine.
///
/// The engine makes a state for each thread and source, keeps all of them until the end, and forgets some where a statement fails.
/// So a state holds nothing: for each piece of rows it takes a table of slots that no other has at the time, and gives it back. There
/// are as many tables as threads, and they are merged once.
final class TallyPass: Sendable {
    enum Kind: Sendable {
        case starts
        /// Those that follow these starts.
        case returns([TallyStart], BucketCursor)
    }

    /// A table of slots, of which one of the two kinds is used.
    struct Slots: Sendable {
        var starts: [TallyStart] = []
        var returns: [TallyReturns] = []
        var count: Int64 = 0
        /// Whether every identity had a slot.
        var isWhole = true
    }

    let kind: Kind
    let spec: CohortSpec
    /// Of each identity its person.
    let persons: [Int32]
    private let tables = Mutex<[Slots]>([])

    init(_ kind: Kind, _ spec: CohortSpec, persons: [Int32]) {
        self.kind = kind
        self.spec = spec
        self.persons = persons
    }

    // MARK: The function

    static let running = RunningPasses<TallyPass>()

    /// Makes the aggregate known to the database; a second time does nothing.
    static func register(on connection: Connection) throws(DuckDBError) {
        try connection.register(AggregateFunction(name: ReportDialect.tallyName, arity: 4) { TallyState() })
    }

    // MARK: Slots

    fileprivate func take() -> Slots {
        if let table = tables.withLock({ $0.popLast() }) { return table }
        var table = Slots()
        switch kind {
        case .starts: table.starts = Array(repeating: TallyStart(), count: persons.count)
        case .returns: table.returns = Array(repeating: TallyReturns(spec.mode), count: persons.count)
        }
        return table
    }

    fileprivate func give(_ table: Slots) { tables.withLock { $0.append(table) } }

    /// The slots after the statement; none where there was no row.
    func gathered() throws(DuckDBError) -> Slots {
        var tables = tables.withLock { $0 }
        guard var all = tables.popLast() else { return Slots() }
        for table in tables { all.merge(table, spec.mode) }
        guard all.isWhole else {
            throw DuckDBError(.usage, "an event is of an identity that is not among those that are stored")
        }
        return all
    }
}

extension TallyPass.Slots {
    fileprivate mutating func merge(_ other: Self, _ mode: CohortSpec.Mode) {
        count += other.count
        isWhole = isWhole && other.isWhole
        var starts = starts.mutableSpan
        for i in other.starts.indices
        where (other.starts[i].time, other.starts[i].seq) < (starts[i].time, starts[i].seq) {
            starts[i] = other.starts[i]
        }
        var returns = returns.mutableSpan
        for i in other.returns.indices { returns[i].merge(other.returns[i], mode) }
    }
}

/// What the engine has of a pass for one thread and source.
private final class TallyState: AggregateState {
    /// Rows of the run's number, identity, time and, where an event can be both, `seq`.
    func add(_ arguments: borrowing FunctionArguments) {
        // The statement of a run that is over has nobody to answer.
        guard let pass = TallyPass.running.pass(arguments.int64(0, row: 0)) else { return }
        var table = pass.take()
        table.count += Int64(arguments.rowCount)
        let (identities, times, order) = (arguments.int64s(1), arguments.int64s(2), arguments.int64s(3))
        switch pass.kind {
        case .starts: Self.addStarts(pass, to: &table, identities, times, order)
        case .returns(let starts, let cursor):
            Self.addReturns(pass, starts, cursor, to: &table, identities, times, order)
        }
        pass.give(table)
    }

    private static func addStarts(
        _ pass: TallyPass, to table: inout TallyPass.Slots, _ identities: Span<Int64>, _ times: Span<Int64>,
        _ order: Span<Int64>
    ) {
        let all = pass.persons
        let persons = all.span
        var isWhole = true
        var slots = table.starts.mutableSpan
        for row in identities.indices {
            let identity = Int(truncatingIfNeeded: identities[row])
            guard identity >= 0, identity < persons.count else {
                isWhole = false
                continue
            }
            let (person, time) = (Int(persons[identity]), times[row])
            let first = slots[person].time
            guard time < first || time == first && order[row] < slots[person].seq else { continue }
            slots[person] = TallyStart(time: time, seq: order[row])
        }
        if !isWhole { table.isWhole = false }
    }

    private static func addReturns(
        _ pass: TallyPass, _ starts: [TallyStart], _ cursor: BucketCursor, to table: inout TallyPass.Slots,
        _ identities: Span<Int64>, _ times: Span<Int64>, _ order: Span<Int64>
    ) {
        // Without a start there is nothing to come back to.
        guard !starts.isEmpty else { return }
        let (all, spec) = (pass.persons, pass.spec)
        let (persons, starts) = (all.span, starts.span)
        let (isEvery, canCoincide, periods) = (spec.mode == .every, spec.canCoincide, TallyPeriods(spec))
        var (cursor, isWhole) = (cursor, true)
        var slots = table.returns.mutableSpan
        for row in identities.indices {
            let identity = Int(truncatingIfNeeded: identities[row])
            guard identity >= 0, identity < persons.count else {
                isWhole = false
                continue
            }
            let (person, time) = (Int(persons[identity]), times[row])
            let start = starts[person]
            // The last moment stands for no start.
            guard time >= start.time, time > start.time || !canCoincide || order[row] > start.seq else { continue }
            guard isEvery else {
                slots[person].add(at: time)
                continue
            }
            let bit = periods.bit(of: time, after: start, &cursor)
            if bit != 0 { slots[person].add(bit) }
        }
        if !isWhole { table.isWhole = false }
    }

    func merge(_ other: any AggregateState) {}

    func finish() -> Int64 { 0 }
}
