internal import Destinations
internal import EventStore
internal import Exports
internal import Model

/// What an export's columns tell of its rows: whose they are, and when they were stored.
enum RowTelling {
    /// The column with `seq`; nil if there is none.
    static func seq(_ spec: ResolvedSpec) -> String? {
        spec.columns.first { $0.source == .builtin(.seq) }?.name
    }

    /// Columns by which the rows of a person can be found again.
    static func columns(_ spec: ResolvedSpec, key: [String]) -> [String: String] {
        var found: [String: String] = [:]
        for column in spec.columns {
            let holds: RowErasure.Holds? =
                switch column.source {
                case .builtin(.identity), .builtin(.other): .identity
                case .builtin(.personID): .person
                case .builtin(.identities): .identities
                case .builtin(.seq): .seq
                default: key.contains(column.name) ? .key : nil
                }
            if let holds { found[column.name] = holds.rawValue }
        }
        return found
    }

    /// Tells the rows of one definition of an export from those of another.
    static func shape(_ export: JSONValue) -> String {
        let bytes = Array(export.text.utf8)
        return String(Hash128(bytes.span).low, radix: 36) + "."
    }
}
