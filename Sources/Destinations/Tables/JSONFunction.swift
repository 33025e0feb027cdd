public import DuckDB
internal import Synchronization

/// `table_json(text)`: JSON as a destination holds it, for statements of DuckDB that read a batch's file.
public final class JSONFunction: Sendable {
    public static let name = "table_json"

    private let repair: JSONRepair
    private let changed = Atomic<Int64>(0)

    public init(_ limits: JSONLimits) { repair = JSONRepair(limits) }

    /// How many values were written in another form so far; one that was looked at twice counts twice.
    public var changes: Int64 { changed.load(ordering: .relaxed) }

    public func register(on connection: Connection) throws(DuckDBError) {
        let (repair, function) = (repair, self)
        try connection.register(
            ScalarFunction(name: Self.name, arity: 1) { arguments, results in
                for row in 0..<arguments.rowCount {
                    guard !arguments.isNull(0, row: row) else {
                        results.setNull(row)
                        continue
                    }
                    let text = arguments.text(0, row: row)
                    if let repaired = repair.repaired(text) {
                        function.changed.wrappingAdd(1, ordering: .relaxed)
                        results.set(row, repaired)
                    } else {
                        results.set(row, text)
                    }
                }
            })
    }
}
