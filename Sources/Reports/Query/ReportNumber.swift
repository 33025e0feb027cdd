internal import DuckDB
internal import Model

/// A number of an answer.
enum ReportNumber: Sendable, Equatable {
    case whole(Int64)
    /// An exact sum.
    case decimal(DuckDecimal)
    case double(Double)
    /// Not known: an average of nothing.
    case none

    init(_ value: DuckValue) {
        switch value {
        case .int(let number): self = .whole(number)
        case .hugeint(let number): self = Int64(exactly: number).map { .whole($0) } ?? .double(Double(number))
        case .double(let number): self = .double(number)
        case .decimal(let number): self = .decimal(number)
        default: self = .none
        }
    }

    var double: Double? {
        switch self {
        case .whole(let number): Double(number)
        case .decimal(let number): Double(number.description)
        case .double(let number): number
        case .none: nil
        }
    }

    var json: JSONValue {
        switch self {
        case .whole(let number): return JSONValue(number)
        case .decimal(let number): return .number(Self.short(number.description))
        case .double(let number):
            guard number.isFinite else { return .null }
            // As a sum of decimals would be written.
            if number == number.rounded(), abs(number) < 9e15 { return JSONValue(Int64(number)) }
            return .number("\(number)")
        case .none: return .null
        }
    }

    /// Without the zeros at the end of its fraction.
    private static func short(_ text: String) -> String {
        guard text.contains(".") else { return text }
        var view = text[...]
        while view.hasSuffix("0") { view.removeLast() }
        if view.hasSuffix(".") { view.removeLast() }
        return view == "-0" ? "0" : String(view)
    }
}
