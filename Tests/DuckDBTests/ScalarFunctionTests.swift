import DuckDB
import Synchronization
import Testing

@Suite("Functions of ours give DuckDB right answers")
struct ScalarFunctionTests {
    private let database: Database
    private let connection: Connection

    init() throws {
        database = try Database(path: nil, settings: ["threads": "2"])
        connection = try database.connect()
    }

    /// `join(a, b)`: both texts with a bar between them; NULL for an empty first one.
    private static let join = ScalarFunction.rows(name: "join_bar", arity: 2) { arguments, row, out in
        if arguments.text(0, row: row).isEmpty { return false }
        append(arguments.text(0, row: row), to: &out)
        out.append(0x7c)
        append(arguments.text(1, row: row), to: &out)
        return true
    }

    @Test func aMillionRowsInParallel() throws {
        try connection.register(Self.join)
        try connection.execute(
            "CREATE TABLE t AS SELECT i, CASE WHEN i % 5 = 0 THEN NULL WHEN i % 7 = 0 THEN '' ELSE 'text ' || i END AS a, CASE WHEN i % 11 = 0 THEN NULL ELSE repeat('é', (i % 9)::INTEGER) END AS b FROM range(1000000) r(i)"
        )
        #expect(
            try connection.rows(
                "SELECT count(*) FROM t WHERE join_bar(a, b) IS DISTINCT FROM CASE WHEN a = '' THEN NULL ELSE a || '|' || b END"
            )
                == [[0]])
        #expect(
            try connection.rows("SELECT count(join_bar(a, 'k')) FROM t")
                == connection.rows("SELECT count(*) FROM t WHERE a <> ''"))
    }

    @Test(
        "NULL, empty, NUL, emoji and long texts",
        arguments: [
            ("NULL, 'b'", nil), ("'a', NULL", nil), ("'a', 'b'", "a|b"), ("'', 'b'", nil), ("'a', ''", "a|"),
            ("'a' || chr(0), '😀'", "a\0|😀"),
            ("repeat('x', 40000), 'y'", .text(String(repeating: "x", count: 40_000) + "|y")),
        ] as [(String, DuckValue)])
    func values(_ call: String, _ wanted: DuckValue) throws {
        try connection.register(Self.join)
        #expect(try connection.rows("SELECT join_bar(\(call))") == [[wanted]])
        #expect(try connection.rows("SELECT DISTINCT join_bar(\(call)) FROM range(5000)") == [[wanted]])
    }

    @Test func aConstantArgumentRepeats() throws {
        let made = Atomic<Int>(0)
        let calls = Atomic<Int>(0)
        let function = ScalarFunction(name: "after", arity: 2, returns: .boolean) { arguments, results in
            var limit = 0
            for row in 0..<arguments.rowCount {
                if !arguments.repeats(1, row: row) {
                    made.add(1, ordering: .relaxed)
                    limit = arguments.text(1, row: row).count
                }
                calls.add(1, ordering: .relaxed)
                results.set(row, arguments.text(0, row: row).count > limit)
            }
        }
        try connection.register(function)
        let rows = try connection.rows(
            "SELECT count(*) FROM (SELECT repeat('z', (i % 20)::INTEGER) AS z FROM range(20000) r(i)) WHERE after(z, 'a constant text')"
        )
        #expect(rows == [[4_000]])
        #expect(calls.load(ordering: .relaxed) == 20_000 && made.load(ordering: .relaxed) <= 10)
    }

    @Test func otherResults() throws {
        try connection.register(
            ScalarFunction(name: "half", arity: 1, returns: .double) { arguments, results in
                for row in 0..<arguments.rowCount {
                    let count = arguments.text(0, row: row).count
                    if count == 0 { results.setNull(row) } else { results.set(row, Double(count) / 2) }
                }
            })
        #expect(try connection.rows("SELECT half('abc'), half(''), half(NULL)") == [[1.5, nil, nil]])
    }

    @Test func aFunctionCanFailAStatement() throws {
        try connection.register(
            ScalarFunction(name: "refuse", arity: 1) { arguments, results in
                for row in 0..<arguments.rowCount { results.setNull(row) }
                results.fail("refused")
            })
        let error = #expect(throws: DuckDBError.self) { try connection.rows("SELECT refuse('x')") }
        #expect(error?.message.contains("refused") == true)
        #expect(try connection.rows("SELECT 1") == [[1]])
    }

    @Test func registeringTwiceAndFromAnotherConnectionIsFine() throws {
        try connection.register(Self.join)
        try connection.register(Self.join)
        let other = try database.connect()
        try other.register(Self.join)
        #expect(try other.rows("SELECT join_bar('a', 'b')") == [["a|b"]])
    }
}

private func append(_ text: Span<UInt8>, to out: inout [UInt8]) {
    for i in text.indices { out.append(text[i]) }
}
