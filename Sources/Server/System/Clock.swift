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

        /// What of that is a leap, which the steady clock knows nothing of.
        private static let leapt = Atomic<Int64>(0)

        static func advance(_ microseconds: Int64) { ahead.add(microseconds, ordering: .relaxed) }

        /// Sets the time of day alone, as somebody who sets a machine's clock.
        static func leap(_ microseconds: Int64) {
            leapt.add(microseconds, ordering: .relaxed)
            advance(microseconds)
        }
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

    /// Microseconds of a clock that nobody sets, and that goes on while the machine sleeps.
    static func steadyMicroseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        let machine = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        #if TEST_CLOCK
            return machine + ahead.load(ordering: .relaxed) - leapt.load(ordering: .relaxed)
        #else
            return machine
        #endif
    }

    /// Which boot of the machine that clock is of; nil where the machine does not say.
    static func boot() -> String? {
        let file = unsafe open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 36)
        let count = unsafe read(file, &bytes, 36)
        return count == 36 ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Microseconds of a clock that never goes back, for durations.
    static func monotonicMicroseconds() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
