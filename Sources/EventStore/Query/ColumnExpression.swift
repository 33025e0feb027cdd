/// One column of a result: where its values come from, and the name under which they leave.
public struct ColumnExpression: Sendable, Equatable {
    /// Where a column's values come from.
    public enum Source: Sendable, Equatable {
        case builtin(BuiltinColumn)
        /// A property of the row: the event's, or on people the person's current one.
        case property(String)
        /// Every property that the rows have, each as a column.
        case allProperties
        /// The current property of the row's person.
        case person(String)
        /// On people, when or how often the person did an event of this name.
        case event(EventMeasure, of: String)
        /// On people, a computed column.
        case computed(ComputedColumn)
    }

    /// The type that a property is cast to; what does not cast is missing.
    public enum Cast: String, Sendable, CaseIterable {
        case double
        case bigint
        case boolean
        case timestamp
        case text
    }

    public let source: Source
    public let cast: Cast?
    /// The column as written, or its `as` name.
    public let name: String

    public init(_ source: Source, cast: Cast? = nil, name: String) {
        self.source = source
        self.cast = cast
        self.name = name
    }

    /// A built-in column under its own name.
    public init(_ column: BuiltinColumn) { self.init(.builtin(column), name: column.rawValue) }

    /// What its values are.
    public var type: ValueType {
        switch (source, cast) {
        case (_, .double?): .double
        case (_, .bigint?): .bigint
        case (_, .boolean?): .boolean
        case (_, .timestamp?): .timestamp
        case (_, .text?): .text
        case (.builtin(let column), nil): column.type
        case (.event(let measure, _), nil): measure.type
        case (.computed(let column), nil): column.formula.type
        default: .token
        }
    }
}
