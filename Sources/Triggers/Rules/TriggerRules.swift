internal import EventStore
public import Model

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
        /// It is a step of a sequence before the last.
        case step1 = 10
        case step2 = 11
        case step3 = 12
        case step4 = 13

        /// Those of the steps, in their order.
        public static let steps: [Role] = [.step1, .step2, .step3, .step4]
    }

    public struct Interest: Sendable, Equatable {
        /// The place in `rules`.
        public let rule: Int
        public let role: Role
    }

    public private(set) var rules: [TriggerRule] = []
    /// What is asked of events with the same name.
    private struct Group {
        var entries: [(interest: Interest, test: EventTest)] = []
        var index = ConditionIndex([])

        mutating func makeIndex() { index = ConditionIndex(entries.map(\.test.condition)) }
    }

    private var byName: [ExactText: Group] = [:]
    private var forAll = Group()
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
                for (step, role) in zip(absence.before, Role.steps) { add(step.test, place, role) }
                add(absence.starts, place, .starts)
                if let ends = absence.ends { add(ends, place, .ends) }
            case .silence(let silence): add(silence.test, place, .breaks)
            case .property(let change):
                byProperty[ExactText(change.name), default: []].append(Interest(rule: place, role: .sets))
            case .newPerson: forPersons.append(Interest(rule: place, role: .identifies))
            case .watched: hasWatches = true
            }
        }
        forAll.makeIndex()
        for name in byName.keys { byName[name]?.makeIndex() }
    }

    private mutating func add(_ test: EventTest, _ place: Int, _ role: Role) {
        let entry = (Interest(rule: place, role: role), test)
        if test.names.isEmpty { forAll.entries.append(entry) }
        for name in test.names { byName[ExactText(name), default: Group()].entries.append(entry) }
    }

    public var isEmpty: Bool { rules.isEmpty }
    /// Whether anything is to be known of properties that are set, or of who is identified.
    public var looksAtPeople: Bool { !byProperty.isEmpty || !forPersons.isEmpty }

    /// The names of events that are looked at; nil for any.
    public var names: [String]? { forAll.entries.isEmpty ? byName.keys.map(\.text).sorted() : nil }

    /// Whether an event may be anything to the rules, by its name and the properties that it has: whether it is worth looking at.
    ///
    /// - Parameter properties: a JSON object.
    public func mayWant(_ name: String, _ properties: Span<UInt8>) -> Bool {
        forAll.index.mayHold(properties) || byName[ExactText(name)]?.index.mayHold(properties) ?? false
    }

    /// What is asked of an event that has these properties; what cannot hold of it is left out.
    func entries(_ name: String, _ properties: Span<UInt8>) -> [(interest: Interest, test: EventTest)] {
        [byName[ExactText(name)], forAll].flatMap { group in
            group.map { group in group.index.places(properties).map { group.entries[$0] } } ?? []
        }
    }

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
