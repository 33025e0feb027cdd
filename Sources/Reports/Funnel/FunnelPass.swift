internal import DuckDB
internal import Model
internal import Synchronization

/// One pass of a funnel over the events of one step, as an aggregate of the engine: they are gathered with their persons, but for those
/// that can follow no start.
final class FunnelPass: Sendable {
    /// Events of some persons.
    struct Piece: Sendable {
        var persons: [Int32] = []
        var marks: [UInt64] = []

        mutating func keep(below end: Int32) {
            let kept = persons.indices.filter { persons[$0] < end }
            guard kept.count < persons.count else { return }
            marks = kept.map { marks[$0] }
            persons = kept.map { persons[$0] }
        }
    }

    /// What was gathered so far, of the persons of a range.
    struct Gathered: Sendable {
        let begin: Int32
        /// Behind the last person. It comes down where more events are found than may be kept.
        var end: Int32
        var pieces: [Piece] = []
        var kept = 0
        /// All events that were looked at.
        var looked: Int64 = 0
        /// Whether every identity had a person.
        var isWhole = true

        /// Gives up the later half of the persons, and again, until no more than so many events are kept: another round counts them.
        mutating func narrow(to most: Int) {
            while kept > most, end - begin > 1 {
                end = begin + (end - begin) / 2
                for i in pieces.indices { pieces[i].keep(below: end) }
                pieces.removeAll { $0.persons.isEmpty }
                kept = pieces.reduce(0) { $0 + $1.persons.count }
            }
        }
    }

    private let step: Int
    /// Of each identity its person.
    private let persons: [Int32]
    /// When each person's events can follow a start; nil where these are the starts.
    private let spans: FunnelSpans?
    private let most: Int
    private let state: Mutex<Gathered>

    /// - Parameters:
    ///   - most: how many events may be kept.
    ///   - gathered: what passes before this one found.
    init(step: Int, persons: [Int32], spans: FunnelSpans?, most: Int, gathered: Gathered) {
        self.step = step
        self.persons = persons
        self.spans = spans
        self.most = most
        state = Mutex(gathered)
    }

    static let running = RunningPasses<FunnelPass>()

    /// Makes the aggregate known to the database; a second time does nothing.
    static func register(on connection: Connection) throws(DuckDBError) {
        try connection.register(AggregateFunction(name: ReportDialect.gatherName, arity: 3) { GatherState() })
    }

    /// Everything that was found, after the statement.
    func gathered() throws(DuckDBError) -> Gathered {
        let all = state.withLock { $0 }
        guard all.isWhole else {
            throw DuckDBError(.usage, "an event is of an identity that is not among those that are stored")
        }
        return all
    }

    fileprivate func add(_ identities: Span<Int64>, _ times: Span<Int64>) {
        let (begin, end) = state.withLock { ($0.begin, $0.end) }
        let (all, step) = (persons, UInt64(step))
        let persons = all.span
        var (piece, isWhole) = (Piece(), true)
        piece.persons.reserveCapacity(identities.count)
        piece.marks.reserveCapacity(identities.count)
        for row in identities.indices {
            let identity = Int(truncatingIfNeeded: identities[row])
            guard identity >= 0, identity < persons.count else {
                isWhole = false
                continue
            }
            let (person, time) = (persons[identity], times[row])
            guard person >= begin, person < end, spans?.contains(time, person - begin) ?? true else { continue }
            piece.persons.append(person)
            piece.marks.append(FunnelMark.make(time, step))
        }
        state.withLock { state in
            state.looked += Int64(identities.count)
            if !isWhole { state.isWhole = false }
            guard !piece.persons.isEmpty else { return }
            state.kept += piece.persons.count
            state.pieces.append(piece)
            state.narrow(to: most)
        }
    }
}

/// Time and step of an event in one number, in whose order a person's events are: by time, and at the same time by step.
enum FunnelMark {
    /// Twenty steps need five bits; the rest has times of nine thousand years before and after 1970.
    private static let stepBits: UInt64 = 5
    private static let zero: Int64 = 1 << 58

    @inline(__always)
    static func make(_ time: Int64, _ step: UInt64) -> UInt64 {
        UInt64(truncatingIfNeeded: time &+ zero) << stepBits | step
    }

    @inline(__always)
    static func time(_ mark: UInt64) -> Int64 { Int64(truncatingIfNeeded: mark >> stepBits) &- zero }

    @inline(__always)
    static func step(_ mark: UInt64) -> Int { Int(truncatingIfNeeded: mark & (1 << stepBits - 1)) }
}

/// Of each person of a range the first start, and the last moment that is within the window of a start.
struct FunnelSpans: Sendable {
    private var first: [Int64]
    private var last: [Int64]

    init(_ starts: FunnelPass.Gathered, window: Int64?) {
        let count = Int(starts.end - starts.begin)
        var (first, last) = (Array(repeating: Int64.max, count: count), Array(repeating: Int64.min, count: count))
        for piece in starts.pieces {
            for row in piece.persons.indices where piece.persons[row] < starts.end {
                let (place, time) = (Int(piece.persons[row] - starts.begin), FunnelMark.time(piece.marks[row]))
                first[place] = min(first[place], time)
                last[place] = max(last[place], window.map { time &+ $0 } ?? .max)
            }
        }
        (self.first, self.last) = (first, last)
    }

    @inline(__always)
    func contains(_ time: Int64, _ place: Int32) -> Bool {
        time >= first[Int(place)] && time <= last[Int(place)]
    }
}

/// What the engine has of a pass for one thread and source: nothing.
private final class GatherState: AggregateState {
    /// Rows of the run's number, identity and time.
    func add(_ arguments: borrowing FunctionArguments) {
        FunnelPass.running.pass(arguments.int64(0, row: 0))?.add(arguments.int64s(1), arguments.int64s(2))
    }

    func merge(_ other: any AggregateState) {}

    func finish() -> Int64 { 0 }
}
