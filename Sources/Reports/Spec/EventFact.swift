internal import EventStore
internal import Model

/// Something that a condition asks of the property of every event that it takes. Two that exclude each other are of different
/// events.
struct EventFact {
    /// What a value may be.
    private enum Values {
        /// One of these.
        case these([PropertyTest.Scalar])
        /// None of these; what is absent passes.
        case others([PropertyTest.Scalar])
        /// A number in this range, without its ends where they are open.
        case numbers(least: Double, isLeastOpen: Bool, greatest: Double, isGreatestOpen: Bool)
        /// Any.
        case some
        /// None at all.
        case absent
    }

    private let isPerson: Bool
    private let name: ExactText
    private let values: Values

    /// What a condition asks of all events that it takes.
    static func all(in condition: Condition?) -> [EventFact] {
        switch condition {
        case .all(let parts): parts.flatMap { all(in: $0) }
        case .property(let name, let test): [EventFact(isPerson: false, name: ExactText(name), values: values(test))]
        case .person(let name, let test): [EventFact(isPerson: true, name: ExactText(name), values: values(test))]
        case .not(.property(let name, let test)): denied(name, test, isPerson: false)
        case .not(.person(let name, let test)): denied(name, test, isPerson: true)
        case nil, .any, .not, .event, .personThen, .computed, .did, .sequence, .segment: []
        }
    }

    private static func values(_ test: PropertyTest) -> Values {
        switch test {
        case .equals(let value): .these([value])
        case .oneOf(let list): .these(list)
        case .differs(let value): .others([value])
        case .exists(let wanted): wanted ? .some : .absent
        case .compare(let comparison, .number(let number)): range(comparison, number)
        case .compare, .contains, .startsWith: .some
        }
    }

    /// What is left where a test does not hold, if that can be said.
    private static func denied(_ name: String, _ test: PropertyTest, isPerson: Bool) -> [EventFact] {
        let values: Values
        switch test {
        case .equals(let value): values = .others([value])
        case .oneOf(let list): values = .others(list)
        case .differs(let value): values = .these([value])
        case .exists(let wanted): values = wanted ? .absent : .some
        // What is no number is left, too.
        case .compare, .contains, .startsWith: return []
        }
        return [EventFact(isPerson: isPerson, name: ExactText(name), values: values)]
    }

    private static func range(_ comparison: PropertyTest.Comparison, _ number: Double) -> Values {
        switch comparison {
        case .greater: .numbers(least: number, isLeastOpen: true, greatest: .infinity, isGreatestOpen: false)
        case .greaterOrEqual: .numbers(least: number, isLeastOpen: false, greatest: .infinity, isGreatestOpen: false)
        case .less: .numbers(least: -.infinity, isLeastOpen: false, greatest: number, isGreatestOpen: true)
        case .lessOrEqual: .numbers(least: -.infinity, isLeastOpen: false, greatest: number, isGreatestOpen: false)
        }
    }

    /// Whether no event can have both.
    func excludes(_ other: EventFact) -> Bool {
        isPerson == other.isPerson && name == other.name
            && (Self.exclude(values, other.values) || Self.exclude(other.values, values))
    }

    private static func exclude(_ a: Values, _ b: Values) -> Bool {
        switch (a, b) {
        case (.absent, .these), (.absent, .numbers), (.absent, .some): true
        case (.these(let values), .these(let others)):
            !values.contains { value in others.contains { canBeOne(value, $0) } }
        case (.these(let values), .others(let others)):
            values.allSatisfy { value in others.contains { isSame(value, $0) } }
        case (.these(let values), .numbers): values.allSatisfy { !lies($0, in: b) }
        case (.numbers(let least, let isLeastOpen, _, _), .numbers(_, _, let greatest, let isGreatestOpen)):
            least > greatest || least == greatest && (isLeastOpen || isGreatestOpen)
        default: false
        }
    }

    private static func canBeOne(_ a: PropertyTest.Scalar, _ b: PropertyTest.Scalar) -> Bool {
        switch (a, b) {
        case (.text(let a), .text(let b)): ExactText(a) == ExactText(b)
        case (.number(let a), .number(let b)): Double(a) == Double(b)
        case (.bool(let a), .bool(let b)): a == b
        default: false
        }
    }

    /// Whether two are one for certain: of large numbers two that are told apart can be one double.
    private static func isSame(_ a: PropertyTest.Scalar, _ b: PropertyTest.Scalar) -> Bool {
        guard case .number(let text) = a, abs(Double(text) ?? .infinity) >= 9_007_199_254_740_992 else {
            return canBeOne(a, b)
        }
        return a == b
    }

    private static func lies(_ value: PropertyTest.Scalar, in range: Values) -> Bool {
        guard case .numbers(let least, let isLeastOpen, let greatest, let isGreatestOpen) = range else { return true }
        let number: Double?
        switch value {
        case .number(let text), .text(let text): number = Double(text)
        case .bool: number = nil
        }
        // A text that reads as a number is compared as one.
        guard let number else { return false }
        if number < least || number > greatest { return false }
        return !(number == least && isLeastOpen) && !(number == greatest && isGreatestOpen)
    }
}
