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

    /// What an export's own columns hold of whose rows they are.
    static func columns(_ spec: ResolvedSpec) -> [String: RowErasure.Holds] {
        var found: [String: RowErasure.Holds] = [:]
        for column in spec.columns {
            switch column.source {
            case .builtin(.identity), .builtin(.other): found[column.name] = .identity
            case .builtin(.personID): found[column.name] = .person
            case .builtin(.identities): found[column.name] = .identities
            case .builtin(.seq): found[column.name] = .seq
            default: break
            }
        }
        return found
    }

    /// Columns by which the rows of a person can be found again where they are loaded: under the names that they have there, and without
    /// those that are protected, which name nobody any more.
    static func columns(_ spec: ResolvedSpec, key: [String], through plan: TransformPlan) -> [String: String] {
        var found = columns(spec)
        if !plan.mappings.isEmpty {
            let named = plan.mappings.compactMap { mapping in found[mapping.from].map { (mapping.name, $0) } }
            found = Dictionary(named) { first, _ in first }
        }
        // A number that a query made would tell rows of others.
        if plan.isDerived { found = found.filter { $0.value != .seq } }
        for name in key where found[name] == nil { found[name] = .key }
        for rule in plan.privacy { found[rule.column] = nil }
        return found.mapValues(\.rawValue)
    }

    /// Tells the rows of one definition of an export from those of another.
    static func shape(_ export: JSONValue) -> String {
        let bytes = Array(export.text.utf8)
        return String(Hash128(bytes.span).low, radix: 36) + "."
    }
}
