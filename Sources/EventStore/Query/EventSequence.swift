internal import Model

/// Events that one person did in order: the node `sequence` of a condition.
///
/// An event serves one step, and each step is later than the one before. Events at one moment are in order where no name
/// stands in two steps; where one does, the `seq` by which they were stored decides.
public struct EventSequence: Sendable, Equatable {
    /// How many steps there can be.
    public static let stepCounts = 2...20
    /// The longest that can be asked for, in microseconds: ten thousand days.
    public static let longestWindow: Int64 = 10_000 * 86_400_000_000

    /// One of the events.
    public struct Step: Sendable, Equatable {
        /// Its names.
        public let names: [String]
        /// What is asked of it; `person`, `did`, `sequence` and `segment` have no place in it.
        public let test: Condition?

        public init(_ names: [String], test: Condition? = nil) {
            self.names = names
            self.test = test
        }
    }

    public let steps: [Step]
    /// The most microseconds from the first step to the last, the end included; nil for any.
    public let longest: Int64?
    /// Where all of the events lie.
    public let window: TimeWindow

    public init(_ steps: [Step], longest: Int64? = nil, window: TimeWindow = TimeWindow()) {
        self.steps = steps
        self.longest = longest
        self.window = window
    }

    /// Whether no event can be two of the steps, by its name.
    var isDisjoint: Bool {
        var seen: Set<ExactText> = []
        return steps.allSatisfy { step in
            let names = Set(step.names.map { ExactText($0) })
            defer { seen.formUnion(names) }
            return seen.isDisjoint(with: names)
        }
    }
}
