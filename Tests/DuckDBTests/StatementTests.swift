import DuckDB
import Testing

@Suite("Statements report what DuckDB says")
struct StatementTests {
    private let connection: Connection

    init() throws { connection = try Database(path: nil).connect() }

    @Test(
        "errors keep DuckDB's words and have a code",
        arguments: [
            ("SELEC 1", .sql, "Parser Error: syntax error at or near \"SELEC\""),
            ("SELECT nothing", .sql, "Binder Error: Referenced column \"nothing\" "),
            ("SELECT * FROM nowhere", .sql, "Catalog Error: Table with name nowhere does not exist!"),
            ("SELECT 'x'::INTEGER", .value, "Conversion Error: Could not convert string 'x' to INT32"),
            ("SELECT CAST(i AS TINYINT) FROM range(1000) r(i)", .value, "Conversion Error: Type INT64 with value 128"),
            ("SELECT error('boom')", .value, "Invalid Input Error: boom"),
            ("ATTACH '/nowhere/at/all.duckdb' AS x", .io, "IO Error: Cannot open file \"/nowhere/at/all.duckdb\""),
            ("COMMIT", .sql, "TransactionContext Error: cannot commit - no transaction is active"),
        ] as [(String, DuckDBError.Code, String)])
    func errors(_ sql: String, _ code: DuckDBError.Code, _ message: String) throws {
        for call in 0..<3 {
            let error = #expect(throws: DuckDBError.self) {
                switch call {
                case 0: _ = try connection.rows(sql)
                case 1: try connection.execute(sql, [])
                default: try connection.execute("SELECT 1; " + sql)
                }
            }
            #expect(error?.code == code && error?.message.contains(message) == true, "\(error?.message ?? "")")
        }
        #expect(try connection.rows("SELECT 1") == [[1]])
    }

    @Test func anErrorInTheMiddleOfAStreamIsThrown() throws {
        let rows = try connection.query(
            "SELECT CASE WHEN i = 900000 THEN error('late') ELSE i END FROM range(1000000) r(i)")
        var seen = 0
        let error = #expect(throws: DuckDBError.self) {
            while let chunk = try rows.nextChunk() { seen += chunk.rowCount }
        }
        #expect(error?.message.contains("late") == true && seen < 900_001)
    }

    @Test func aStreamThatAnotherStatementEndedIsNotTakenForAWholeOne() throws {
        let rows = try connection.query("SELECT * FROM range(1000000)")
        _ = try rows.nextChunk()
        try connection.execute("SELECT 1")
        #expect(throws: DuckDBError.self) { try rows.nextChunk() }
    }

    @Test func severalStatementsRunInOrder() throws {
        try connection.execute("CREATE TABLE t(a INTEGER); INSERT INTO t VALUES (1), (2); DELETE FROM t WHERE a = 1;")
        #expect(try connection.rows("SELECT * FROM t") == [[2]])
        try connection.execute("  -- nothing\n")
        #expect(try connection.execute("UPDATE t SET a = a + ?", [5]) == 1)
        #expect(try connection.row("SELECT a FROM t") == [7])
        #expect(try connection.row("SELECT a FROM t WHERE a = 0") == nil)
    }

    @Test func aWrongNumberOfValuesIsAnError() {
        #expect(throws: DuckDBError(.usage, "the statement takes 2 values and got 1")) {
            try connection.rows("SELECT ?, ?", [1])
        }
    }

    @Test func aTransactionIsWholeOrNothing() throws {
        try connection.execute("CREATE TABLE t(a INTEGER)")
        let answer = try connection.transaction { connection in
            try connection.execute("INSERT INTO t VALUES (1)")
            return 42
        }
        #expect(answer == 42)
        #expect(throws: DuckDBError.self) {
            try connection.transaction { connection in
                try connection.execute("INSERT INTO t VALUES (2)")
                try connection.execute("SELECT error('no')")
            }
        }
        #expect(try connection.rows("SELECT a FROM t") == [[1]])
    }

    @Test func openingReportsTheReason() {
        let missing = #expect(throws: DuckDBError.self) { try Database(path: "/nowhere/x.duckdb") }
        #expect(missing?.code == .io && missing?.message.contains("/nowhere/x.duckdb") == true)
        let setting = #expect(throws: DuckDBError.self) { try Database(path: nil, settings: ["no_such": "1"]) }
        #expect(setting?.message.contains("no_such") == true)
        #expect(throws: DuckDBError.self) { try Database(path: nil, settings: ["threads": "many"]) }
        #expect(Database.libraryVersion == "v1.5.5")
    }

    @Test func aStreamDoesNotWaitForItsEnd() throws {
        // 10¹¹ rows: only a stream ever shows the first.
        let rows = try connection.query("SELECT i FROM range(100000000000) r(i)")
        let chunk = try #require(try rows.nextChunk())
        #expect(chunk.rowCount == 2_048 && chunk.int64(0, row: 2_047) == 2_047)
        rows.close()
        #expect(try rows.nextChunk() == nil)
        #expect(try connection.rows("SELECT 1") == [[1]])
    }
}
