public import Model

/// A value that a statement carries, without an engine's type.
public enum SQLValue: Hashable, Sendable {
    case text(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
    case time(Timestamp)

    /// What tells values apart; texts by their bytes.
    private var key: Key {
        switch self {
        case .text(let text): .text(ExactText(text))
        case .int(let number): .int(number)
        case .double(let number): .double(number)
        case .bool(let truth): .bool(truth)
        case .time(let time): .time(time)
        }
    }

    private enum Key: Hashable {
        case text(ExactText)
        case int(Int64)
        case double(Double)
        case bool(Bool)
        case time(Timestamp)
    }

    public static func == (a: SQLValue, b: SQLValue) -> Bool { a.key == b.key }
    public func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

/// A piece of SQL in which an interpolated value can only become a bound value (or, for whole numbers and times, a
/// literal that the dialect writes from the number), never text of the statement.
///
/// ```swift
/// let part: SQLFragment = "e.seq <= \(n) AND e.event = \(name)"
/// ```
public struct SQLFragment: Hashable, Sendable {
    enum Piece: Hashable, Sendable {
        case sql(String)
        case value(SQLValue)

        static func == (a: Piece, b: Piece) -> Bool {
            switch (a, b) {
            case (.sql(let a), .sql(let b)): ExactText(a) == ExactText(b)
            case (.value(let a), .value(let b)): a == b
            default: false
            }
        }

        func hash(into hasher: inout Hasher) {
            switch self {
            case .sql(let text): hasher.combine(ExactText(text))
            case .value(let value): hasher.combine(value)
            }
        }
    }

    var pieces: [Piece]

    init(pieces: [Piece]) { self.pieces = pieces }

    /// Nothing.
    public static let empty = SQLFragment(pieces: [])

    /// Whether it has no text and no value.
    public var isEmpty: Bool { pieces.isEmpty }

    /// Whether another fragment of plain text is in this one.
    public func mentions(_ other: SQLFragment) -> Bool {
        guard !other.pieces.isEmpty, pieces.count >= other.pieces.count else { return false }
        for case .sql(let part) in other.pieces {
            for case .sql(let text) in pieces where text.contains(part) { return true }
        }
        return false
    }

    public static func + (a: SQLFragment, b: SQLFragment) -> SQLFragment { SQLFragment(pieces: a.pieces + b.pieces) }
    public static func += (a: inout SQLFragment, b: SQLFragment) { a.pieces += b.pieces }
}

extension SQLFragment: ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) { pieces = [.sql(value)] }

    public init(stringInterpolation: Interpolation) { pieces = stringInterpolation.pieces }

    public struct Interpolation: StringInterpolationProtocol {
        var pieces: [Piece] = []

        public init(literalCapacity: Int, interpolationCount: Int) {}

        public mutating func appendLiteral(_ literal: String) {
            if !literal.isEmpty { pieces.append(.sql(literal)) }
        }

        /// A value.
        public mutating func appendInterpolation(_ value: String) { pieces.append(.value(.text(value))) }
        public mutating func appendInterpolation(_ value: Int64) { pieces.append(.value(.int(value))) }
        public mutating func appendInterpolation(_ value: Double) { pieces.append(.value(.double(value))) }
        public mutating func appendInterpolation(_ value: Bool) { pieces.append(.value(.bool(value))) }
        public mutating func appendInterpolation(_ value: Timestamp) { pieces.append(.value(.time(value))) }
        /// Another fragment.
        public mutating func appendInterpolation(_ fragment: SQLFragment) { pieces += fragment.pieces }
        /// A name, quoted.
        public mutating func appendInterpolation(ident name: String) {
            pieces.append(.sql(DuckDBDialect.identifier(name)))
        }
    }
}

extension Sequence<SQLFragment> {
    /// The fragments with `separator` between them.
    public func joined(_ separator: SQLFragment) -> SQLFragment {
        var out = SQLFragment.empty
        for (i, fragment) in enumerated() {
            if i > 0 { out += separator }
            out += fragment
        }
        return out
    }
}

/// A statement as an engine takes it: text with `$1`, `$2`, … and the values in that order. Equal texts share a
/// number, so that equal expressions stay equal and the engine evaluates them once.
public struct SQLStatement: Equatable, Sendable {
    public let text: String
    public let binds: [SQLValue]

    public init(_ fragment: SQLFragment) {
        var text = ""
        var binds: [SQLValue] = []
        var places: [SQLValue: Int] = [:]
        for piece in fragment.pieces {
            switch piece {
            case .sql(let sql): text += sql
            case .value(let value):
                if let literal = DuckDBDialect.literal(value) {
                    text += literal
                } else if let known = places[value] {
                    text += "$\(known)"
                } else {
                    binds.append(value)
                    places[value] = binds.count
                    text += "$\(binds.count)"
                }
            }
        }
        self.text = text
        self.binds = binds
    }
}
