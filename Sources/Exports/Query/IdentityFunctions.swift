internal import DuckDB
internal import EventStore
internal import Model
internal import Synchronization

/// The functions by which the engine, where it writes the file itself, asks for an identity's text and person: a join would
/// cost a third of the export, and might change the order of the rows.
enum IdentityFunctions {
    private struct Runs {
        var last: Int64 = 0
        var tables: [Int64: LaidOutIdentities] = [:]
    }

    /// The tables of the exports that run, by the number that their statements carry.
    private static let runs = Mutex(Runs())

    /// Makes the functions known to the database; a second time does nothing.
    static func register(on connection: Connection) throws(DuckDBError) {
        for function in [text, person] { try connection.register(function) }
    }

    /// A number for the statements of one export; no two have the same.
    static func makeRun() -> Int64 {
        runs.withLock { runs in
            runs.last += 1
            return runs.last
        }
    }

    /// Answers the statements of a run from this table, until `end`.
    static func begin(_ run: Int64, _ table: IdentityTable) {
        let laidOut = LaidOutIdentities(table)
        runs.withLock { $0.tables[run] = laidOut }
    }

    static func end(_ run: Int64) { _ = runs.withLock { $0.tables.removeValue(forKey: run) } }

    private static let text = function(DuckDBDialect.identityTextName) { $0.text($1) }
    private static let person = function(DuckDBDialect.identityPersonName) { $0.person($1) }

    /// A function of a run's number and an identity's.
    private static func function(
        _ name: String, _ look: @escaping @Sendable (LaidOutIdentities, Int64) -> LaidOutText?
    ) -> ScalarFunction {
        ScalarFunction(name: name, takes: [.int64, .int64]) { arguments, results in
            guard let table = table(arguments) else { return results.fail("the export of this statement is over") }
            for row in 0..<arguments.rowCount {
                if let text = look(table, arguments.int64(1, row: row)) {
                    results.set(row, laidOut: text)
                } else {
                    results.setNull(row)
                }
            }
        }
    }

    private static func table(_ arguments: borrowing FunctionArguments) -> LaidOutIdentities? {
        let run = arguments.int64(0, row: 0)
        return runs.withLock { $0.tables[run] }
    }
}
