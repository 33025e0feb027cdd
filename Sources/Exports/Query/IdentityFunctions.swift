internal import DuckDB
internal import EventStore
internal import Model
internal import Synchronization

/// The functions by which the engine, where it writes the file itself, asks for an identity's text and person: a join would
/// cost a third of the export, and might change the order of the rows.
enum IdentityFunctions {
    private struct Runs {
        var last: Int64 = 0
        var tables: [Int64: IdentityTable] = [:]
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
    static func begin(_ run: Int64, _ table: IdentityTable) { runs.withLock { $0.tables[run] = table } }

    static func end(_ run: Int64) { _ = runs.withLock { $0.tables.removeValue(forKey: run) } }

    private static let text = ScalarFunction(name: DuckDBDialect.identityTextName, takes: [.int64, .int64]) {
        arguments, results in
        guard let table = table(arguments) else { return results.fail("the export of this statement is over") }
        // The table lives until the export ends, which is after the statement; nobody changes it.
        unsafe table.fields.withUnsafeBytes { fields in
            for row in 0..<arguments.rowCount {
                let range = table.field(arguments.int64(1, row: row))
                if range.isEmpty {
                    results.setNull(row)
                } else {
                    unsafe results.set(row, lasting: UnsafeRawBufferPointer(rebasing: fields[range]))
                }
            }
        }
    }

    private static let person = ScalarFunction(name: DuckDBDialect.identityPersonName, takes: [.int64, .int64]) {
        arguments, results in
        guard let table = table(arguments) else { return results.fail("the export of this statement is over") }
        let numbers = NumberWriter()
        var out = Output(capacity: 32)
        for row in 0..<arguments.rowCount {
            out.removeAll()
            numbers.put(person: table.person(arguments.int64(1, row: row)), &out)
            if out.count <= 12 {
                // Short texts are stored in the column itself.
                unsafe results.set(row, lasting: out.bytes)
            } else {
                // The bytes are copied before the next row writes over them.
                unsafe results.set(row, Span<UInt8>(_unsafeElements: out.bytes.bindMemory(to: UInt8.self)))
            }
        }
    }

    private static func table(_ arguments: borrowing FunctionArguments) -> IdentityTable? {
        let run = arguments.int64(0, row: 0)
        return runs.withLock { $0.tables[run] }
    }
}
