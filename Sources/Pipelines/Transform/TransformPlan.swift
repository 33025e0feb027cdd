public import Model

/// What becomes of rows between their validation and their load, in this order.
public struct TransformPlan: Sendable, Equatable {
    /// A step of the enrichment.
    public enum Step: Sendable, Equatable {
        /// Rows are fetched from a source, and are a table under a name.
        case source(JSONValue, as: String)
        /// A query whose rows are a table under a name; under none they take the place of the export's.
        case sql(String, as: String?)
    }

    /// A column and where its values come from.
    public struct Mapping: Sendable, Equatable {
        public let name: String
        public let from: String
    }

    public var steps: [Step] = []
    /// The columns that are loaded; empty for all as they are.
    public var mappings: [Mapping] = []
    /// By the names that columns have then.
    public var privacy: [PrivacyRule] = []

    /// Whether a query's rows take the place of the export's, so that a column need not hold what its name says.
    var isDerived: Bool {
        steps.contains { step in
            if case .sql(_, as: nil) = step { true } else { false }
        }
    }

    public var isEmpty: Bool { steps.isEmpty && mappings.isEmpty && privacy.isEmpty }
}

/// What is done to a column so that less of a person is in it.
public struct PrivacyRule: Sendable, Equatable {
    public enum Action: Sendable, Equatable {
        /// HMAC-SHA-256 by a secret's key, in hexadecimal: the same value has the same hash in every run, and so can be joined.
        case hash(key: String)
        /// The first character, and a mail address's domain.
        case mask
        case drop
        /// An address of the internet without its end: 24 bits of version 4, 48 of version 6.
        case truncateIP
        /// A number down to a multiple of this.
        case step(String)
        /// A time down to the beginning of its hour, day, week, month, quarter or year.
        case time(String)
        /// So many characters of the beginning.
        case keep(Int64)
    }

    public let column: String
    public let action: Action

    public init(_ column: String, _ action: Action) {
        self.column = column
        self.action = action
    }
}
