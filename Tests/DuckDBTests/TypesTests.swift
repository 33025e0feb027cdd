import DuckDB
import Testing

@Suite("Values go in and come out as they are")
struct TypesTests {
    private let connection: Connection

    init() throws { connection = try Database(path: nil).connect() }

    @Test(
        "binds of every kind",
        arguments: [
            .null, .bool(true), .bool(false), .int(.max), .int(.min), .hugeint(Int128.max), .hugeint(-1 << 100),
            .double(-0.1), .double(.infinity), .text(""), .text("a\0b"), .text("\0"), .text("😀 naïve ключ"),
            .text("exactly 12 b"), .text("thirteen byte"), .text(String(repeating: "x😀", count: 8_192)),
            .timestamp(1_700_000_000_123_456), .timestamp(-1), .list(["a", nil, "c\0"]), .list([1, 2]), .list([]),
        ] as [DuckValue])
    func bind(_ value: DuckValue) throws {
        #expect(try connection.rows("SELECT ?", [value]) == [[value]])
    }

    @Test(
        "results of every kind",
        arguments: [
            ("1::TINYINT", .int(1)), ("-2::SMALLINT", .int(-2)), ("3::INTEGER", .int(3)), ("200::UTINYINT", .int(200)),
            ("60000::USMALLINT", .int(60_000)), ("4000000000::UINTEGER", .int(4_000_000_000)),
            ("18446744073709551615::UBIGINT", .hugeint(18_446_744_073_709_551_615)), ("7::UBIGINT", .int(7)),
            ("1.5::FLOAT", .double(1.5)), ("sum(9223372036854775807)", .hugeint(9_223_372_036_854_775_807)),
            ("DATE '1970-01-03'", .date(2)), ("'\\x00\\xff'::BLOB", .blob([0, 255])),
            ("1.25::DECIMAL(4,2)", .decimal(DuckDecimal(unscaled: 125, scale: 2))),
            ("1.25::DECIMAL(9,2)", .decimal(DuckDecimal(unscaled: 125, scale: 2))),
            ("-1.25::DECIMAL(18,2)", .decimal(DuckDecimal(unscaled: -125, scale: 2))),
            ("1.25::DECIMAL(38,20)", .decimal(DuckDecimal(unscaled: 125_000_000_000_000_000_000, scale: 20))),
            ("TIMESTAMPTZ '1970-01-01 00:00:01+00'", .timestamp(1_000_000)),
            ("[['a'], [], NULL, ['b', NULL]]", .list([.list(["a"]), .list([]), nil, .list(["b", nil])])),
            ("[1.5::DECIMAL(3,1)]", .list([.decimal(DuckDecimal(unscaled: 15, scale: 1))])),
            ("NULL::VARCHAR[]", .null),
        ] as [(String, DuckValue)])
    func result(_ sql: String, _ value: DuckValue) throws {
        #expect(try connection.rows("SELECT \(sql)") == [[value]])
    }

    @Test func decimalsWriteThemselves() {
        #expect(DuckDecimal(unscaled: -5, scale: 2).description == "-0.05")
        #expect(DuckDecimal(unscaled: 12_345, scale: 2).description == "123.45")
        #expect(DuckDecimal(unscaled: 7, scale: 0).description == "7")
    }

    @Test func columnsHaveNamesAndTypes() throws {
        let rows = try connection.query("SELECT 1::BIGINT AS a, 'x' AS \"b c\", [1.0::DECIMAL(5,1)] AS d")
        #expect(
            rows.columns.map(\.name) == ["a", "b c", "d"]
                && rows.columns.map(\.type) == [.int64, .text, .list(.decimal(width: 5, scale: 1))])
    }

    @Test func typesThatCannotBeReadSaySo() {
        #expect(
            throws: DuckDBError(
                .usage, "the column \"u\" has a type that cannot be read here; cast it to VARCHAR")
        ) { try connection.rows("SELECT uuid() AS u") }
    }

    @Test("list columns whose elements DuckDB may keep as a dictionary or a slice")
    func lists() throws {
        try connection.execute(
            "CREATE TABLE t AS SELECT i, ['a', 'b', 'c', 'long text of more than twelve bytes'][1 + i % 4] AS v FROM range(9) r(i)"
        )
        let whole: [DuckValue] = [
            "a", "b", "c", "long text of more than twelve bytes", "a", "b", "c",
            "long text of more than twelve bytes", "a",
        ]
        #expect(try connection.rows("SELECT list(v ORDER BY i) FROM t") == [[.list(whole)]])
        #expect(try connection.rows("SELECT (list(v ORDER BY i))[4:6] FROM t") == [[.list(Array(whole[3..<6]))]])
        #expect(
            try connection.rows("SELECT list_filter(list(v ORDER BY i), lambda x: x <> 'a') FROM t")
                == [[.list(whole.filter { $0 != "a" })]])
        #expect(
            try connection.rows("SELECT list_transform(list(i ORDER BY i), lambda x: 'k') FROM t")
                == [[.list(Array(repeating: "k", count: 9))]])
        #expect(
            try connection.rows("SELECT list_reverse(list_sort(list(v))) FROM t")
                == [[.list(whole.sorted { ($0.text ?? "") > ($1.text ?? "") })]])
        #expect(
            try connection.rows("SELECT i, [v, v] FROM t WHERE i > 6 ORDER BY i DESC")
                == [[8, .list(["a", "a"])], [7, .list([whole[3], whole[3]])]])
    }
}
