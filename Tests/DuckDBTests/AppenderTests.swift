import DuckDB
import Testing

@Suite("Appended rows are all there or an error says why")
struct AppenderTests {
    private let connection: Connection

    init() throws { connection = try Database(path: nil, settings: ["threads": "2"]).connect() }

    private let types: [ColumnType] = [.int64, .text, .timestamp, .boolean, .double]

    @Test func everyKindOfValueComesBack() throws {
        try connection.execute("CREATE TABLE t(a BIGINT, b VARCHAR, c TIMESTAMP, d BOOLEAN, e DOUBLE)")
        let texts = ["", "a\0b", "😀", "exactly 12 b", "thirteen byte", String(repeating: "y", count: 32_768)]
        var wanted: [[DuckValue]] = []
        var appender = try connection.appender("t", types)
        // Three chunks and a part, with NULLs in every column and values where a NULL was a chunk before.
        for i in 0..<7_000 {
            var row: [DuckValue] = [
                .int(Int64(i)), .text(texts[i % texts.count]), .timestamp(Int64(i) * -1_000_001), .bool(i % 2 == 0),
                .double(Double(i) / 8),
            ]
            if i % 3 == 0 { row[1 + i / 3 % 4] = .null }
            appender.setInt64(0, Int64(i))
            if row[1].isNull { appender.setNull(1) } else { appender.setText(1, texts[i % texts.count]) }
            if row[2].isNull { appender.setNull(2) } else { appender.setTimestamp(2, Int64(i) * -1_000_001) }
            if row[3].isNull { appender.setNull(3) } else { appender.setBool(3, i % 2 == 0) }
            if row[4].isNull { appender.setNull(4) } else { appender.setDouble(4, Double(i) / 8) }
            try appender.endRow()
            wanted.append(row)
        }
        try appender.finish()
        let got = try connection.rows("SELECT * FROM t")
        // Not `#expect(got == wanted)`: its report of 7,000 rows would help nobody.
        #expect(got.count == wanted.count && zip(got, wanted).allSatisfy(==))
    }

    @Test func anErrorOfTheLastRowsIsNotLost() throws {
        try connection.execute("CREATE TABLE t(a BIGINT NOT NULL, b VARCHAR CHECK (b <> 'bad'), PRIMARY KEY (a))")
        let notNull = #expect(throws: DuckDBError.self) {
            var appender = try connection.appender("t", [.int64, .text])
            appender.setNull(0)
            appender.setNull(1)
            try appender.endRow()
            try appender.finish()
        }
        #expect(notNull?.code == .constraint && notNull?.message.contains("NOT NULL constraint failed") == true)
        let check = #expect(throws: DuckDBError.self) {
            var appender = try connection.appender("t", [.int64, .text])
            appender.setInt64(0, 1)
            appender.setText(1, "bad")
            try appender.endRow()
            try appender.finish()
        }
        #expect(check?.code == .constraint && check?.message.contains("CHECK constraint failed") == true)
        let key = #expect(throws: DuckDBError.self) {
            var appender = try connection.appender("t", [.int64, .text])
            for i in 0..<5_000 {
                appender.setInt64(0, Int64(i % 4_999))
                appender.setNull(1)
                try appender.endRow()
            }
            try appender.finish()
        }
        #expect(key?.code == .constraint)
        #expect(try connection.rows("SELECT count(*) FROM t") == [[0]])
    }

    @Test func aTableThatDoesNotFitIsAnError() throws {
        let missing = #expect(throws: DuckDBError.self) { _ = try connection.appender("nowhere", [.int64]) }
        #expect(missing?.message.contains("nowhere") == true)
        try connection.execute("CREATE TABLE t(a BIGINT, b BIGINT)")
        #expect(throws: DuckDBError.self) {
            var appender = try connection.appender("t", [.int64])
            appender.setInt64(0, 1)
            try appender.endRow()
            try appender.finish()
        }
    }

    @Test func textThatIsNotUTF8IsAnErrorAndNotNull() throws {
        try connection.execute("CREATE TABLE t(a VARCHAR)")
        for bytes: [UInt8] in [[0xff], [0xc3], [0xed, 0xa0, 0x80], Array("long enough to be elsewhere".utf8) + [0x80]] {
            let error = #expect(throws: DuckDBError.self) {
                var appender = try connection.appender("t", [.text])
                appender.setText(0, bytes)
                try appender.endRow()
            }
            #expect(error?.code == .value)
        }
        #expect(try connection.rows("SELECT count(*) FROM t") == [[0]])
    }

    @Test func aDroppedAppenderWritesNothing() throws {
        try connection.execute("CREATE TABLE t(a BIGINT)")
        do {
            var appender = try connection.appender("t", [.int64])
            for i in 0..<3_000 {
                appender.setInt64(0, Int64(i))
                try appender.endRow()
            }
        }
        #expect(try connection.rows("SELECT count(*) FROM t") == [[0]])
    }

    @Test func twoAppendersInOneTransactionAreOneCommit() throws {
        try connection.execute("CREATE TABLE a(x BIGINT); CREATE TABLE b(y BIGINT)")
        let failed = #expect(throws: DuckDBError.self) {
            try connection.transaction { connection in
                try append(3_000, to: "a")
                try append(10, to: "b")
                try connection.execute("SELECT error('stop')")
            }
        }
        #expect(failed?.message.contains("stop") == true)
        #expect(try connection.rows("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)") == [[0, 0]])
        try connection.transaction { _ in
            try append(3_000, to: "a")
            try append(10, to: "b")
        }
        #expect(try connection.rows("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)") == [[3_000, 10]])
    }

    private func append(_ rows: Int, to table: String) throws(DuckDBError) {
        var appender = try connection.appender(table, [.int64])
        for i in 0..<rows {
            appender.setInt64(0, Int64(i))
            try appender.endRow()
        }
        try appender.finish()
    }

    @Test func aStreamedScanKeepsTheOrderOfAMillionAppendedRows() throws {
        try connection.execute("CREATE TABLE t(seq BIGINT, v VARCHAR)")
        var appender = try connection.appender("t", [.int64, .text])
        for i in 0..<1_000_000 {
            appender.setInt64(0, Int64(i))
            appender.setText(1, "value \(i)")
            try appender.endRow()
        }
        try appender.finish()
        #expect(try inOrder("SELECT seq, v FROM t") == 1_000_000)
        #expect(try inOrder("SELECT seq, v FROM t WHERE seq % 3 <> 0 OR v LIKE '%7%'") < 1_000_000)
    }

    /// How many rows came, if each was after the one before.
    private func inOrder(_ sql: String) throws -> Int {
        let rows = try connection.query(sql)
        var count = 0
        var last: Int64 = -1
        while let chunk = try rows.nextChunk() {
            let column = chunk.column(0)
            let seqs = column.int64s
            for i in 0..<seqs.count {
                if seqs[i] <= last { return -1 }
                last = seqs[i]
            }
            count += seqs.count
        }
        return count
    }
}
