public import Model

/// How often, and when, a person did something: the node `did` of a condition.
///
/// What counts are the events of all the person's identities that are stored up to the `seq` of the answer, have one of
/// the names, pass the test, and lie in the window. A person of whom no such event is known has zero of them, and is
/// found wherever zero passes.
public struct Did: Sendable, Equatable {
    /// The names; nil for events of any name.
    public let names: [String]?
    /// What is asked of each event; `person` and `did` have no place in it.
    public let test: Condition?
    public let count: CountTest
    public let window: TimeWindow
    /// Whether the person's first such event ever, before which there is none at any time, has to lie in the window: a
    /// person who is new to it.
    public let isFirstEver: Bool

    public init(
        _ names: [String]?, test: Condition? = nil, count: CountTest = .once, window: TimeWindow = TimeWindow(),
        isFirstEver: Bool = false
    ) {
        self.names = names
        self.test = test
        self.count = count
        self.window = window
        self.isFirstEver = isFirstEver
    }
}

/// The numbers that pass.
public struct CountTest: Sendable, Equatable {
    /// The highest number that can be asked for.
    public static let highest: Int64 = 1_000_000_000_000

    public let atLeast: Int64
    public let atMost: Int64?

    /// Numbers beyond those that can be asked for become the nearest of them.
    public init(atLeast: Int64, atMost: Int64? = nil) {
        self.atLeast = min(max(0, atLeast), Self.highest)
        self.atMost = atMost.map { min(max(0, $0), Self.highest) }
    }

    /// At least once.
    public static let once = CountTest(atLeast: 1)
}

/// The moments in [from, to); without an end where one is nil.
public struct TimeWindow: Sendable, Equatable {
    public let from: Timestamp?
    public let to: Timestamp?

    public init(from: Timestamp? = nil, to: Timestamp? = nil) {
        self.from = from
        self.to = to
    }

    /// As `within` writes it.
    var json: JSONValue {
        .object([("from", from), ("to", to)].compactMap { key, time in time.map { .init(key, .string($0.text)) } })
    }
}
