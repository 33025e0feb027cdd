/// Why a condition, a column or a dataset's name was refused. The caller must change what was asked.
public struct QueryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of thing was wrong: a closed set, so that it can label a metric.
    public enum Code: String, Sendable, Equatable {
        case invalidCondition = "invalid_condition"
        case invalidColumn = "invalid_column"
        case unknownDataset = "unknown_dataset"
        case invalidReport = "invalid_report"
        case tooLarge = "too_large"
    }

    public let code: Code
    /// Where it was, as a path from the root: `where.all[1].gt`, `columns[2]`.
    public let path: String
    /// What was wrong and what is allowed.
    public let reason: String

    public init(_ code: Code, at path: String, _ reason: String) {
        self.code = code
        self.path = path
        self.reason = reason
    }

    /// The path and the reason, as people read them.
    public var message: String { "\(path): \(reason)" }
    public var description: String { message }
    /// Asking again does not help.
    public var isTransient: Bool { false }
}
