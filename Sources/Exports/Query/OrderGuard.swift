internal import DuckDB
internal import EventStore
internal import Model

/// Tells whether a statement gives the rows of a table in the order in which they are stored.
///
/// The engine keeps that order through filters and through joins in which the table is the side that streams, not the one
/// that is gathered in a hash table; which one it is, is the engine's choice from its estimates. So we look at its plan.
enum OrderGuard {
    static func keepsOrder(_ connection: Connection, _ query: SQLFragment, of table: String) throws -> Bool {
        let statement = SQLStatement("EXPLAIN (FORMAT json) \(query)")
        guard let plan = try connection.row(statement.text, statement.values)?.last?.text,
            let root = try? JSONValue(text: plan), case .array(let nodes) = root, let first = nodes.first
        else { return false }
        return streams(first, table)
    }

    /// Whether the plan's name of a table (`cold_3.main.events`) is the statement's (`cold_3.events`, or `events_7`).
    private static func isTable(_ planned: String, _ written: String) -> Bool {
        let (planned, written) = (planned.split(separator: "."), written.split(separator: "."))
        return planned.last == written.last && (written.count == 1 || planned.first == written.first)
    }

    /// Follows the streaming side of each operator down to the table.
    private static func streams(_ node: JSONValue, _ table: String) -> Bool {
        let children = node["children"]?.arrayValue ?? []
        let info = node["extra_info"]
        switch node["name"]?.stringValue ?? "" {
        case "SEQ_SCAN ", "SEQ_SCAN", "TABLE_SCAN":
            return info?["Table"]?.stringValue.map { isTable($0, table) } ?? false
        case "PROJECTION", "FILTER": break
        case "HASH_JOIN":
            guard let join = info?["Join Type"]?.stringValue, ["INNER", "LEFT", "SEMI", "ANTI", "MARK"].contains(join)
            else { return false }
        default: return false
        }
        guard let streamed = children.first else { return false }
        return streams(streamed, table)
    }
}
