internal import DuckDB
public import Model

/// An immutable file with rows of events and property changes, sorted by (month, identity, time, `seq`).
public struct ColdFile: Sendable, Equatable {
    public let id: Int64
    /// The file's name in the folder `cold`.
    public let name: String
    /// 0: as it came from one generation of the hot tables, with rows of any months; above: merged, the larger the
    /// higher.
    public let tier: Int64
    /// The sorted run that it is a part of: the number of its first file, for most files their own.
    public let run: Int64
    public let contents: ColdContents
    public let bytes: Int64

    /// The month that it is of; nil in tier 0, and where the few rows of several months share a file.
    public var month: Month? { tier > 0 && contents.months.count == 1 ? contents.months.lowerBound : nil }

    /// The engine's name of the attached file.
    var catalog: String { "cold_\(id)" }
}

/// What rows a cold file has.
public struct ColdContents: Sendable, Equatable {
    public var events: Int64 = 0
    public var changes: Int64 = 0
    public var seqs: ClosedRange<Int64>
    public var times: ClosedRange<Timestamp>
    public var identities: ClosedRange<Int64>

    /// Rows of both tables.
    public var rows: Int64 { events + changes }

    public func rows(of table: RowTable) -> Int64 { table == .events ? events : changes }

    /// The first and the last month that it has rows of.
    public var months: ClosedRange<Month> { Month(of: times.lowerBound)...Month(of: times.upperBound) }
}

/// The catalogue of cold files, a table of the hot file.
enum ColdCatalogue {
    private static let columns =
        "id, file, tier, events, changes, min_seq, max_seq, min_time, max_time, min_identity, max_identity, bytes, run"
    static let table = """
        CREATE TABLE cold_files(id BIGINT, file VARCHAR, tier BIGINT, events BIGINT, changes BIGINT, min_seq BIGINT,
            max_seq BIGINT, min_time TIMESTAMP, max_time TIMESTAMP, min_identity BIGINT, max_identity BIGINT,
            bytes BIGINT, run BIGINT);
        """

    /// Until format 3 each file was a run of its own.
    static let addingRuns = "ALTER TABLE cold_files ADD COLUMN run BIGINT; UPDATE cold_files SET run = id;"

    static func read(_ connection: Connection) throws(StoreError) -> [ColdFile] {
        let rows = try storing { try connection.rows("SELECT \(columns) FROM cold_files ORDER BY id") }
        return try rows.map { (row) throws(StoreError) in
            let numbers = row.map { $0.timestamp ?? $0.int ?? 0 }
            guard let name = row[1].text, numbers[5] <= numbers[6], numbers[7] <= numbers[8], numbers[9] <= numbers[10]
            else { throw StoreError(.files, "The catalogue's row of the cold file \(numbers[0]) cannot be read.") }
            let contents = ColdContents(
                events: numbers[3], changes: numbers[4], seqs: numbers[5]...numbers[6],
                times: Timestamp(microseconds: numbers[7])...Timestamp(microseconds: numbers[8]),
                identities: numbers[9]...numbers[10])
            return ColdFile(
                id: numbers[0], name: name, tier: numbers[2], run: numbers[12], contents: contents,
                bytes: numbers[11])
        }
    }

    static func add(_ file: ColdFile, _ connection: Connection) throws(DuckDBError) {
        let contents = file.contents
        try connection.execute(
            "INSERT INTO cold_files VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            [
                .int(file.id), .text(file.name), .int(file.tier), .int(contents.events), .int(contents.changes),
                .int(contents.seqs.lowerBound), .int(contents.seqs.upperBound),
                .timestamp(contents.times.lowerBound.microseconds), .timestamp(contents.times.upperBound.microseconds),
                .int(contents.identities.lowerBound), .int(contents.identities.upperBound), .int(file.bytes),
                .int(file.run),
            ])
    }

    /// Whether it was there.
    static func remove(_ file: ColdFile, _ connection: Connection) throws(DuckDBError) -> Bool {
        try connection.execute("DELETE FROM cold_files WHERE id = $1", [.int(file.id)]) == 1
    }
}
