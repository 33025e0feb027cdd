/// What the journal tells about itself.
public struct JournalStatus: Sendable {
    /// Everything up to this `seq` is on disk.
    public var durableSeq: Int64
    /// The first `seq` that can still be read; nil if there is none.
    public var oldestSeq: Int64?
    public var bytesOnDisk: Int64
    public var segments: Int
    /// Bytes that wait for the writer or are being written.
    public var bytesQueued: Int
    public var submissionsQueued: Int
    /// Bytes after the slowest follower.
    public var backlogBytes: Int64
    /// What each follower has passed.
    public var followers: [String: Int64]
    /// Why writing is refused until a restart; nil if it is not.
    public var refusal: JournalError?
    /// The torn end that was cut at the start; nil if there was none.
    public var tornTail: TornTail?
    /// What was found damaged at the start; followers stop there.
    public var damage: [JournalError]
    public var duplicates: DuplicateStatus
    public var counters: JournalCounters
}

/// The end of the last segment that was not a whole frame at the start, and was cut.
public struct TornTail: Sendable, Equatable {
    /// The segment that it was cut from, and where.
    public let file: String
    public let offset: Int64
    public let bytes: Int64
    /// Where its bytes are kept.
    public let savedAs: String
}

/// The state of the index of duplicates.
public struct DuplicateStatus: Sendable, Equatable {
    /// Sealed files, and the ids and bytes in them.
    public var files: Int
    public var sealedIDs: Int
    public var bytes: Int
    /// Tables that wait to be sealed.
    public var waiting: Int
    /// What a start would not have to read again.
    public var sealedThrough: Int64
    /// Files that were damaged at the start; their ids were read again as far as the journal reached.
    public var damagedFiles: [String]
    /// Why the last try to seal failed; nil if it did not.
    public var lastError: JournalError?
}

/// Numbers since the start, for metrics.
public struct JournalCounters: Sendable, Equatable {
    /// The upper bounds of `syncBuckets` in microseconds; the last bucket has none.
    public static let syncBounds: [Int64] = [
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    ]

    public internal(set) var frames = 0
    /// Items stored, parts stored alone included.
    public internal(set) var items = 0
    public internal(set) var duplicates = 0
    /// Bytes of frames written.
    public internal(set) var bytes = 0
    /// Submissions that got an error from the writer.
    public internal(set) var failedSubmissions = 0
    public internal(set) var syncs = 0
    /// Time in `fdatasync`, in nanoseconds.
    public internal(set) var syncTotal: Int64 = 0
    public internal(set) var syncMost: Int64 = 0
    /// Syncs by time: at or under each bound, not cumulated.
    public internal(set) var syncBuckets = [Int](repeating: 0, count: syncBounds.count + 1)
    /// Processor time of the writer from the queue to the receipts, without that of the syncs, in nanoseconds.
    public internal(set) var writerTime: Int64 = 0

    mutating func synced(_ nanoseconds: Int64) {
        syncs += 1
        syncTotal += nanoseconds
        syncMost = max(syncMost, nanoseconds)
        let bucket = Self.syncBounds.firstIndex { nanoseconds <= $0 * 1_000 } ?? Self.syncBounds.count
        syncBuckets[bucket] += 1
    }
}
