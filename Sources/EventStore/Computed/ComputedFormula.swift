public import Model

/// How a computed column of people comes about: *terms*, each a number that is found out of a person's events, and a *value*
/// made of them.
///
/// Time counts in whole days of a zone, so that a value is the same all day.
public struct ComputedFormula: Sendable, Equatable {
    /// A number out of a person's events.
    public struct Term: Sendable, Equatable {
        /// What is found.
        public enum Measure: String, Sendable, CaseIterable {
            /// How many events.
            case count
            /// The sum of a property.
            case sum
            /// On how many days.
            case days
            /// How many days ago the last event was; absent without one.
            case sinceLast = "since_last"
            /// How many days ago the first event was; absent without one.
            case sinceFirst = "since_first"

            /// Whether it is the distance of a day from the day of the answer.
            var isDistance: Bool { self == .sinceLast || self == .sinceFirst }
        }

        public let name: String
        public let measure: Measure
        /// The names of the events that count; nil for all.
        public let events: [String]?
        /// Of a sum, the properties of which the first that is a number is added.
        public let properties: [String]
        /// What is asked of each event.
        public let test: Condition?
        /// Only events of so many days, the last of which is the day of the answer.
        public let within: Int64?
        /// After so many days an event counts half.
        public let halfLife: Int64?

        /// Whether its value is another one on another day without anything happening.
        public var dependsOnDay: Bool { measure.isDistance || within != nil || halfLife != nil }
        /// Whether it reads the properties of events.
        var readsProperties: Bool { !properties.isEmpty || test != nil }
    }

    /// What the terms come to.
    public indirect enum Value: Sendable, Equatable {
        /// One term as it is.
        case term(String)
        /// The sum of terms, each times its weight.
        case weights(Weights)
        /// The first case whose tests all hold.
        case cases([Case], otherwise: JSONValue)
    }

    /// A sum of weighted terms, within bounds.
    public struct Weights: Sendable, Equatable {
        /// Terms and their weights, each weight as written.
        public let terms: [(term: String, weight: String)]
        public let min: String?
        public let max: String?
        /// Digits after the point that are left; nil for all nine.
        public let digits: Int64?

        public static func == (a: Weights, b: Weights) -> Bool {
            a.terms.elementsEqual(b.terms, by: ==) && (a.min, a.max, a.digits) == (b.min, b.max, b.digits)
        }
    }

    /// A text or a number, for persons of whom some tests hold.
    public struct Case: Sendable, Equatable {
        public let tests: [Test]
        public let value: JSONValue
    }

    /// What is asked of a term.
    public struct Test: Sendable, Equatable {
        public enum Operator: String, Sendable, CaseIterable {
            case less = "lt"
            case lessOrEqual = "lte"
            case greater = "gt"
            case greaterOrEqual = "gte"
            case equal = "is"
            case exists
        }
        public let term: String
        public let isAsked: Operator
        /// A number as written; of `exists`, true or false.
        public let operand: JSONValue
    }

    public let terms: [Term]
    public let value: Value
    /// What it was read from.
    public let json: JSONValue
    /// Tells it from others; looked at for every person who is looked up.
    let fingerprint: String

    /// Whether its value is another one on another day without anything happening.
    public var dependsOnDay: Bool { terms.contains(where: \.dependsOnDay) }

    /// What its values are.
    public var type: ValueType {
        switch value {
        case .term(let name):
            terms.first { $0.name == name }.map { $0.measure == .sum || $0.halfLife != nil ? .decimal : .bigint }
                ?? .token
        case .weights: .double
        case .cases(let cases, let otherwise):
            (cases.map(\.value) + [otherwise]).allSatisfy { $0.stringValue != nil || $0 == .null } ? .text : .token
        }
    }

    /// What it reads of events, for whoever is told how a value came about.
    public var needs: Set<ColumnNeed> {
        var needs: Set<ColumnNeed> = [.builtin(.event), .builtin(.timestamp)]
        for term in terms {
            for name in term.properties { needs.insert(.property(ExactText(name))) }
            if let test = term.test { needs.formUnion(test.needs(in: .events)) }
        }
        return needs
    }
}
