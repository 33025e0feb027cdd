public import Model

/// When a pipeline runs.
public struct Schedule: Sendable, Equatable {
    /// What becomes of times that passed while nothing could run.
    public enum CatchUp: String, Sendable, CaseIterable {
        /// They are recorded as skipped.
        case none
        /// The last one runs, the others are recorded as skipped.
        case latest
        /// Each runs, the oldest first.
        case all
    }

    public let cron: CronExpression
    public let zone: ZoneClock
    /// The runs begin so much later, in microseconds, for what comes in late.
    public let buffer: Int64
    /// And up to so much later again, always the same for one pipeline, so that not all begin at once.
    public let jitter: Int64
    public let catchUp: CatchUp

    public init(
        cron: CronExpression, zone: ZoneClock, buffer: Int64 = 0, jitter: Int64 = 0, catchUp: CatchUp = .latest
    ) {
        self.cron = cron
        self.zone = zone
        self.buffer = buffer
        self.jitter = jitter
        self.catchUp = catchUp
    }

    /// The first scheduled time after a moment. Times that the clock skips are the first moment after the gap; those that it shows twice
    /// are meant once, the first time.
    public func next(after moment: Timestamp) -> Timestamp? {
        let seconds = moment.secondsAndMicroseconds.seconds
        var minute = zone.wall(at: seconds) / 60
        if zone.wall(at: seconds) < 0, zone.wall(at: seconds) % 60 != 0 { minute -= 1 }
        while let found = cron.next(fromMinute: minute) {
            let time = Timestamp(microseconds: zone.moment(ofWall: found * 60) * 1_000_000)
            if time > moment { return time.isInRange ? time : nil }
            minute = found + 1
        }
        return nil
    }

    /// When the run for a scheduled time begins.
    public func due(_ scheduled: Timestamp, pipeline: String) -> Timestamp {
        Timestamp(microseconds: scheduled.microseconds + buffer + delay(of: pipeline))
    }

    /// The pipeline's share of the jitter: the same today and tomorrow.
    func delay(of pipeline: String) -> Int64 {
        guard jitter > 0 else { return 0 }
        // FNV-1a: the same in every version of the program and on every machine.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in pipeline.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int64(hash % UInt64(jitter))
    }
}
