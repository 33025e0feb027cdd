public import Model

/// What is to be made of a pipeline's scheduled times, seen at one moment.
public struct Agenda: Sendable, Equatable {
    /// A time of the schedule, and what is to become of it.
    public struct Entry: Sendable, Equatable {
        public let scheduled: Timestamp
        /// Why it does not run; nil if it runs.
        public let skipped: String?
        /// Whether it runs late, since nothing could run at its time.
        public let isCaughtUp: Bool
    }

    /// The oldest first.
    public let entries: [Entry]
    /// When the next look is due; nil if nothing is scheduled.
    public let next: Timestamp?

    /// A run that begins later than this after its time is one that is caught up.
    static let grace: Int64 = 300_000_000
    /// Of times that were missed, so many at most get a record of their own.
    static let mostEntries = 1_000

    /// - Parameters:
    ///   - through: scheduled times up to this one are seen to.
    ///   - isWaiting: whether a run waits already; what it loads is all that there is, so another one would find nothing.
    public init(_ schedule: Schedule, pipeline: String, through: Timestamp, isWaiting: Bool, now: Timestamp) {
        var times: [Timestamp] = []
        var last = through
        while let time = schedule.next(after: last), schedule.due(time, pipeline: pipeline) <= now {
            times.append(time)
            last = time
            if times.count > Self.mostEntries { times.removeFirst() }
        }
        next = schedule.next(after: last).map { schedule.due($0, pipeline: pipeline) }
        var entries: [Entry] = []
        for (index, time) in times.enumerated() {
            let isLast = index == times.count - 1
            let isLate = now.microseconds - schedule.due(time, pipeline: pipeline).microseconds > Self.grace
            let skipped: String? =
                if isWaiting {
                    "a run before it had not begun yet; that one loads what this one would have"
                } else if isLast && !isLate {
                    nil
                } else {
                    switch schedule.catchUp {
                    case .all: nil
                    case .latest where isLast: nil
                    case .latest: "nothing could run at that time; a later time is caught up (catch_up: latest)"
                    case .none: "nothing could run at that time (catch_up: none)"
                    }
                }
            entries.append(Entry(scheduled: time, skipped: skipped, isCaughtUp: !isLast || isLate))
        }
        self.entries = entries
    }
}
