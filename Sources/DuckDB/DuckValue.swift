/// One value: a bind, or a cell of a small result.
public enum DuckValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// Any integer of up to 64 bits.
    case int(Int64)
    /// HUGEINT, and UBIGINT where it does not fit `int`.
    case hugeint(Int128)
    case double(Double)
    case text(String)
    case blob([UInt8])
    /// Microseconds since 1970, UTC.
    case timestamp(Int64)
    /// Days since 1970.
    case date(Int64)
    case decimal(DuckDecimal)
    case list([DuckValue])
}

extension DuckValue {
    public var isNull: Bool { self == .null }
    /// The integer, if this is one that fits.
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .hugeint(let value): Int64(exactly: value)
        default: nil
        }
    }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var double: Double? { if case .double(let value) = self { value } else { nil } }
    public var text: String? { if case .text(let value) = self { value } else { nil } }
    /// Microseconds, if this is a timestamp.
    public var timestamp: Int64? { if case .timestamp(let value) = self { value } else { nil } }
    public var list: [DuckValue]? { if case .list(let value) = self { value } else { nil } }

    /// A text, or null.
    public init(_ text: String?) { self = text.map { .text($0) } ?? .null }
    /// An integer, or null.
    public init(_ value: Int64?) { self = value.map { .int($0) } ?? .null }
}

extension DuckValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(nilLiteral: ()) { self = .null }
}

/// An exact decimal: `unscaled` × 10^-`scale`.
public struct DuckDecimal: Sendable, Equatable, CustomStringConvertible {
    public let unscaled: Int128
    public let scale: Int

    public init(unscaled: Int128, scale: Int) {
        self.unscaled = unscaled
        self.scale = scale
    }

    /// The digits with exactly `scale` of them after the point.
    public var description: String {
        let digits = String(unscaled.magnitude)
        let sign = unscaled < 0 ? "-" : ""
        guard scale > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
        return sign + padded.dropLast(scale) + "." + padded.suffix(scale)
    }
}
