internal import DuckDB
internal import Glibc
public import Model

/// What the store tells about itself.
public struct StoreStatus: Sendable {
    /// Everything up to this `seq` is in the tables.
    public var appliedSeq: Int64
    /// Items that are durable in the journal and not in the tables yet.
    public var lagItems: Int64
    /// How long what is missing has waited, at most: since the last applied commit, or since the pause after which the first of it
    /// came. 0 if nothing is missing.
    public var lagSeconds: Double
    /// When the last applied frame was committed to the journal; nil if none was applied.
    public var lastAppliedCommit: Timestamp?
    public var state: ApplierState
    /// The last error since the start, also if it was overcome.
    public var lastError: StoreError?
    /// Rows by table.
    public var rows: [String: Int64]
    /// Rows of the hot tables of which no part is cold yet.
    public var hotRows: Int64
    /// Cold files, and their bytes.
    public var coldFiles: Int
    public var coldBytes: Int64
    /// Generations of hot tables that wait to become cold.
    public var sealedGenerations: Int
    public var isCompacting: Bool
    /// Why the last compaction failed, also if a later one did not.
    public var compactionError: StoreError?
    /// Bytes of the hot file and of its write-ahead log.
    public var fileBytes: Int64
    public var logBytes: Int64
}

extension EventStore {
    /// The state of the applier alone; blocks nothing and waits for nobody.
    public var applierState: ApplierState { progress.snapshot.state }

    /// - Parameters:
    ///   - durableSeq: the journal's.
    ///   - now: the time now, for the lag in seconds.
    public func status(durableSeq: Int64, now: Timestamp) async throws(StoreError) -> StoreStatus {
        let layout = layouts.current
        let rows: [String: Int64]
        let hotRows: Int64
        do {
            (rows, hotRows) = try await read { connection in
                var rows: [String: Int64] = [:]
                for table in Schema.tableNames {
                    rows[table] = try connection.row("SELECT count(*) FROM \(table)")?[0].int ?? 0
                }
                let stored = (rows["events"] ?? 0) + (rows["property_changes"] ?? 0)
                return (rows, stored - layout.files.reduce(0) { $0 + $1.contents.rows })
            }
        } catch {
            throw StoreError(error)
        }
        let snapshot = progress.snapshot
        let lag = max(0, durableSeq - snapshot.appliedSeq)
        // What waits came after what was applied last, and after the pause before it.
        let since = max(snapshot.committedAt, snapshot.beganAt)
        let age = since == 0 ? 0 : max(0, now.microseconds - since)
        return StoreStatus(
            appliedSeq: snapshot.appliedSeq, lagItems: lag, lagSeconds: lag == 0 ? 0 : Double(age) / 1e6,
            lastAppliedCommit: snapshot.committedAt == 0 ? nil : Timestamp(microseconds: snapshot.committedAt),
            state: snapshot.state, lastError: snapshot.lastError, rows: rows,
            hotRows: max(0, hotRows), coldFiles: layout.files.count,
            coldBytes: layout.files.reduce(0) { $0 + $1.bytes },
            sealedGenerations: layout.generations.count - 1, isCompacting: compaction.isRunning,
            compactionError: compaction.lastError, fileBytes: Self.size(path),
            logBytes: Self.size(path + ".wal"))
    }

    private static func size(_ path: String) -> Int64 {
        var info = stat()
        // The call fills the structure that it is lent.
        return unsafe stat(path, &info) == 0 ? Int64(info.st_size) : 0
    }
}
