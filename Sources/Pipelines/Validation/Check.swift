public import Model

/// A rule, and whether the rows of a run keep it.
public struct Check: Sendable, Equatable {
    public enum Outcome: String, Sendable {
        case passed, warned, failed
    }

    public let rule: String
    public let column: String?
    public let outcome: Outcome
    /// For whoever is woken up by it.
    public let message: String
    /// How many rows fail; nil for a rule that is about all of them.
    public let rows: Int64?
    /// Values of some that fail.
    public let samples: [String]

    public init(
        rule: String, column: String? = nil, outcome: Outcome, message: String, rows: Int64? = nil,
        samples: [String] = []
    ) {
        self.rule = rule
        self.column = column
        self.outcome = outcome
        self.message = message
        self.rows = rows
        self.samples = samples
    }

    public var json: JSONValue {
        [
            "rule": .string(rule), "column": JSONValue(column), "status": .string(outcome.rawValue),
            "message": .string(message), "rows": rows.map { JSONValue($0) } ?? nil,
            "samples": .array(samples.map { .string($0) }),
        ]
    }
}
