internal import DuckDB
internal import Model

/// A funnel counted in memory: a pass over the events of each step, whose events are then put in order person by person.
///
/// The engine joins each step with all that come after it, and sorts for that; a person's events are few, and one walk over them from
/// the last to the first finds what every start leads to. Where more than time decides what follows, where values matter, and where
/// persons are wanted one by one, `FunnelQuery` answers.
struct FunnelTally {
    /// What one step came to.
    struct Step {
        var people: Int64 = 0
        var times: Int64 = 0
        /// How long the first start of each person that leads here took, in microseconds.
        var took: [Int64] = []
    }

    /// What an event takes: its person and its mark, and the mark once more in order.
    private static let bytesOfEvent: Int64 = 20

    /// Whether a funnel can be counted so.
    ///
    /// - Parameter identities: no identity has a greater number.
    static func takes(_ spec: FunnelSpec, identities: Int64, in bytes: Int64) -> Bool {
        // Its person, span and place, and how long it took to each step.
        let ofIdentity = Int64(4 + 16 + 8 + 8 * spec.steps.count)
        let isByTime = spec.order == .any && spec.steps.indices.allSatisfy { spec.rivals(of: $0).isEmpty }
        return spec.breakdown == nil && isByTime && identities < bytes / ofIdentity && identities < Int64(Int32.max) - 1
    }

    private(set) var steps: [Step]
    /// How many events were looked at.
    private(set) var looked: Int64 = 0
    private let window: Int64

    /// Gathers and counts.
    ///
    /// - Parameters:
    ///   - persons: of each identity its person.
    ///   - bytes: the memory for events; where they are more, persons are counted in turns.
    ///   - pass: runs the statement over the events of a step.
    init(
        _ spec: FunnelSpec, persons: [Int32], in bytes: Int64,
        _ pass: (_ step: EventSelector, _ run: Int64) throws -> Void
    ) throws {
        window = spec.window ?? .max
        steps = spec.steps.map { _ in Step() }
        let most = Int(max(1, bytes / Self.bytesOfEvent))
        var begin: Int32 = 0
        while Int(begin) < persons.count {
            var gathered = FunnelPass.Gathered(begin: begin, end: Int32(persons.count))
            var spans: FunnelSpans?
            for (number, step) in spec.steps.enumerated() {
                let found = FunnelPass(step: number, persons: persons, spans: spans, most: most, gathered: gathered)
                try FunnelPass.running.during(found) { run in try pass(step, run) }
                gathered = try found.gathered()
                if number == 0 { spans = FunnelSpans(gathered, window: spec.window) }
            }
            // Each turn looks at all of them.
            looked = gathered.looked
            let end = gathered.end
            count(gathered)
            begin = end
        }
    }

    /// Puts the events in order by persons, and counts.
    private mutating func count(_ gathered: consuming FunnelPass.Gathered) {
        let (begin, end) = (gathered.begin, gathered.end)
        // Of each person where its events begin, and then, as they are laid down, where they end.
        var places = Array(repeating: 0, count: Int(end - begin) + 1)
        for piece in gathered.pieces {
            for person in piece.persons where person < end { places[Int(person - begin) + 1] += 1 }
        }
        for i in places.indices.dropFirst() { places[i] += places[i - 1] }
        var marks: [UInt64] = Array(repeating: 0, count: places[places.count - 1])
        while let piece = gathered.pieces.popLast() {
            for row in piece.persons.indices where piece.persons[row] < end {
                let place = Int(piece.persons[row] - begin)
                marks[places[place]] = piece.marks[row]
                places[place] += 1
            }
        }
        var walk = FunnelWalk(steps: steps.count, window: window)
        var from = 0
        for place in 0..<Int(end - begin) {
            let to = places[place]
            if to > from {
                Self.sort(&marks, from, to)
                walk.count(marks.span.extracting(from..<to), into: &steps)
            }
            from = to
        }
    }

    /// Sorts a part. What comes from a file is nearly in order.
    private static func sort(_ marks: inout [UInt64], _ from: Int, _ to: Int) {
        guard to - from <= 64 else {
            marks.replaceSubrange(from..<to, with: marks[from..<to].sorted())
            return
        }
        var span = marks.mutableSpan
        for i in from + 1..<max(to, from + 1) {
            let mark = span[i]
            var j = i
            while j > from, span[j - 1] > mark {
                span[j] = span[j - 1]
                j -= 1
            }
            span[j] = mark
        }
    }
}

/// The walk over one person's events, from the last to the first.
private struct FunnelWalk {
    private let count: Int
    private let window: Int64
    /// For the earliest event of each step that is not passed yet: the times of the steps that can be reached from it, its own first.
    private var chains: [Int64]
    /// How many steps each chain ends behind; 0 where there is none.
    private var ends: [Int]
    /// How long it took to each step from the earliest start that leads there; -1 where none does.
    private var took: [Int64]

    init(steps: Int, window: Int64) {
        count = steps
        self.window = window
        chains = Array(repeating: 0, count: steps * steps)
        ends = Array(repeating: 0, count: steps)
        took = Array(repeating: -1, count: steps)
    }

    mutating func count(_ marks: Span<UInt64>, into steps: inout [FunnelTally.Step]) {
        for i in 0..<count { (ends[i], took[i]) = (0, -1) }
        for i in marks.indices.reversed() {
            let (step, time) = (FunnelMark.step(marks[i]), FunnelMark.time(marks[i]))
            let row = step * count
            chains[row + step] = time
            ends[step] = step + 1
            if step + 1 < count, ends[step + 1] > 0 {
                // The earliest that can follow: whatever can be reached at all is reached that way.
                for later in step + 1..<ends[step + 1] { chains[row + later] = chains[row + count + later] }
                ends[step] = ends[step + 1]
            }
            guard step == 0 else { continue }
            for reached in 0..<ends[0] {
                let after = chains[reached] - time
                guard after <= window else { break }
                steps[reached].times += 1
                took[reached] = after
            }
        }
        for step in 0..<count where took[step] >= 0 {
            steps[step].people += 1
            if step > 0 { steps[step].took.append(took[step]) }
        }
    }
}
