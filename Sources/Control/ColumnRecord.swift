public import Model

/// One version of a computed column's definition.
public struct ColumnRecord: Sendable, Equatable {
    public let name: String
    /// From 1; goes on where a column comes again after it was taken away.
    public let version: Int64
    public var description: String
    /// The formula, a JSON document; nil where this version took the column away.
    public var formula: String?
    public let madeAt: Timestamp

    public init(name: String, version: Int64, description: String, formula: String?, madeAt: Timestamp) {
        self.name = name
        self.version = version
        self.description = description
        self.formula = formula
        self.madeAt = madeAt
    }
}

/// What became of a change of a computed column.
public enum ColumnChange: Sendable, Equatable {
    case done(ColumnRecord)
    /// Another version than the one that was to be changed is the newest.
    case changed(version: Int64)
}
