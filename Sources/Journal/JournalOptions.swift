internal import Glibc
public import Model

/// How a journal is opened.
public struct JournalOptions: Sendable {
    /// The journal's own folder; it is made if it is not there. Only one journal may have it open: the caller locks it.
    public var directory: String
    /// `seq` goes on above this and above everything that the journal itself saw: give the highest that the store
    /// and the control databases have seen.
    public var seqFloor: Int64
    /// A new segment begins when the next frame would make the current one larger.
    public var segmentBytes: Int64 = 128 << 20
    /// The most bytes that may wait for the writer; over it, appends get `.queueFull`.
    public var queueBytes: Int = 64 << 20
    /// The most bytes that the slowest follower may be behind; over it, appends get `.backlogFull`.
    public var backlogBytes: Int64 = 16 << 30
    /// Followers that are known to come. Nothing is deleted before each of them has passed it, whether or not it has
    /// reported yet.
    public var followers: Set<String> = ["store"]
    /// How long a duplicate is recognized, in hours; it is forgotten at most an hour later.
    public var duplicateHours: Int64 = 7 * 24
    /// The seam for fault injection.
    public var files: any JournalFiles = SystemFiles()
    /// The time now, which frames and the duplicates' hours are stamped with.
    public var clock: @Sendable () -> Timestamp = JournalOptions.systemClock

    /// Nanoseconds that never jump, by which jumps of `clock` are told.
    var monotonic: @Sendable () -> Int64 = monotonicNanoseconds

    /// By how much the writer stands back behind those who bring it work: where processors are short, a frame takes more of what
    /// waits, which costs less; where they are not, it makes no difference. It stays before the store's threads.
    var niceness: Int32 = 5
    /// How much room is written ahead for small frames; 0 for none.
    var roomBytes = 512 << 10
    /// The most bytes and items of one frame, unless one submission alone is larger.
    var frameBytes = 8 << 20
    var frameItems = 65_536
    /// The duplicates' table is sealed at this many ids, or when this many bytes follow the last sealing, so that
    /// memory and the time of a start are bounded.
    var tableIDs = IDTable.fullCount
    var sealBytes: Int64 = 512 << 20

    public init(directory: String, seqFloor: Int64 = 0) {
        self.directory = directory
        self.seqFloor = seqFloor
    }

    /// The system's wall clock.
    public static let systemClock: @Sendable () -> Timestamp = {
        var time = timespec()
        // The call fills the structure that it is lent.
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}

/// Nanoseconds that this thread was on a processor.
func threadNanoseconds() -> Int64 {
    var time = timespec()
    // The call fills the structure that it is lent.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds of the monotonic clock, for durations.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    // The call fills the structure that it is lent.
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
