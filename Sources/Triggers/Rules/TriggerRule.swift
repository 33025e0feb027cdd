public import Model

/// One version of a trigger, ready to be evaluated.
public struct TriggerRule: Sendable {
    public enum State: String, Sendable, CaseIterable {
        case enabled
        /// Nothing starts; what comes due waits until it is enabled.
        case held
        /// Nothing starts, and what comes due is dropped.
        case disabled
    }

    public let number: Int64
    public let id: String
    public let project: String
    public let name: String
    public let version: Int64
    public let when: TriggerWhen
    public let policy: TriggerPolicy
    /// Whether it is the version that starts anything; others only end what they have started.
    public let isCurrent: Bool
    public let state: State
    /// Items after this `seq` are its.
    public let since: Int64
    /// The type of its messages.
    public let type: String

    public init(
        number: Int64, id: String, project: String, name: String, version: Int64, when: TriggerWhen,
        policy: TriggerPolicy, isCurrent: Bool = true, state: State = .enabled, since: Int64,
        type: String = TriggerFiring.firedType
    ) {
        self.number = number
        self.id = id
        self.project = project
        self.name = name
        self.version = version
        self.when = when
        self.policy = policy
        self.isCurrent = isCurrent
        self.state = state
        self.since = since
        self.type = type
    }

    /// Whether it starts anything now.
    var starts: Bool { isCurrent && state == .enabled }

}

/// All rules of a project, found by what an item is.
public struct TriggerRules: Sendable {
    /// What an item is to a rule.
    public enum Role: Int64, Sendable {
        /// It may fire or start it.
        case starts = 0
        /// It ends what was started.
        case ends = 1
        /// It sets its property.
        case sets = 2
        /// It says who somebody is.
        case identifies = 3
        /// It breaks a silence.
        case breaks = 4
    }

    public struct Interest: Sendable, Equatable {
        /// The place in `rules`.
        public let rule: Int
        public let role: Role
    }

    public private(set) var rules: [TriggerRule] = []
    private var byName: [ExactText: [(Interest, EventTest)]] = [:]
    private var forAll: [(Interest, EventTest)] = []
    private var byProperty: [ExactText: [Interest]] = [:]
    private var forPersons: [Interest] = []
    /// Whether any is watched: then it is noted of whom something was written back because of a message.
    public private(set) var hasWatches = false

    public init(_ rules: [TriggerRule] = []) {
        self.rules = rules
        for (place, rule) in rules.enumerated() {
            switch rule.when {
            case .event(let test): add(test, place, .starts)
            case .count(let count): add(count.test, place, .starts)
            case .absence(let absence):
                add(absence.starts, place, .starts)
                add(absence.ends, place, .ends)
            case .silence(let silence): add(silence.test, place, .breaks)
            case .property(let change):
                byProperty[ExactText(change.name), default: []].append(Interest(rule: place, role: .sets))
            case .newPerson: forPersons.append(Interest(rule: place, role: .identifies))
            case .watched: hasWatches = true
            }
        }
    }

    private mutating func add(_ test: EventTest, _ place: Int, _ role: Role) {
        let entry = (Interest(rule: place, role: role), test)
        if test.names.isEmpty { forAll.append(entry) }
        for name in test.names { byName[ExactText(name), default: []].append(entry) }
    }

    public var isEmpty: Bool { rules.isEmpty }
    /// Whether anything is to be known of properties that are set, or of who is identified.
    public var looksAtPeople: Bool { !byProperty.isEmpty || !forPersons.isEmpty }

    /// The names of events that are looked at; nil for any.
    public var names: [String]? { forAll.isEmpty ? byName.keys.map(\.text).sorted() : nil }

    /// What an event is to the rules, by its name alone: whether it is worth looking at.
    public func mayWant(event name: ExactText) -> Bool { !forAll.isEmpty || byName[name] != nil }

    func entries(_ name: String) -> [(Interest, EventTest)] { (byName[ExactText(name)] ?? []) + forAll }

    func interests(property name: String) -> [Interest] { byProperty[ExactText(name)] ?? [] }
    var personInterests: [Interest] { forPersons }

    /// What a rule's version asks of the person when a wait comes due; nil where nothing fires, whatever is so.
    public func still(_ number: Int64, _ version: Int64) -> JSONValue? {
        guard let rule = rule(number, version), rule.state == .enabled else { return nil }
        return rule.when.still
    }

    func rule(_ number: Int64, _ version: Int64) -> TriggerRule? {
        rules.first { $0.number == number && $0.version == version }
    }
}
