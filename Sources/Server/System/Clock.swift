internal import Glibc
internal import Model

#if TEST_CLOCK
    internal import Synchronization
#endif

/// The server's two clocks, each one call of the system's.
enum SystemClock {
    #if TEST_CLOCK
        /// How far ahead of the machine's clock the server's is, in microseconds; only in the program that tests are run by.
        private static let ahead = Atomic<Int64>(0)

        static func advance(_ microseconds: Int64) { ahead.add(microseconds, ordering: .relaxed) }
    #endif

    /// The time of day.
    static func now() -> Timestamp {
        #if TEST_CLOCK
            return Timestamp(microseconds: machine().microseconds + ahead.load(ordering: .relaxed))
        #else
            return machine()
        #endif
    }

    private static func machine() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// Microseconds of a clock that never goes back, for durations.
    static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
