public import Model

/// What somebody's value, or the number of a report, says at a look.
public enum WatchReading: Sendable {
    /// In the segment, or beyond the bound.
    case beyond
    /// Not in it, or back from the bound.
    case back
    /// Between bound and `recover_at`, or without a value.
    case between
}

/// What is told of somebody.
public enum WatchNews: Sendable, Equatable {
    case crossed, recovered
}

/// What was seen last of somebody who was beyond the bound then; of all others nothing is kept.
public struct WatchState: Sendable, Equatable {
    public enum Phase: Int64, Sendable {
        /// Beyond the bound, but not for long enough.
        case pending = 0
        case crossed = 1
    }

    public let phase: Phase
    /// When it was seen to begin, in microseconds.
    public let since: Int64

    public init(_ phase: Phase, since: Int64) {
        self.phase = phase
        self.since = since
    }

    /// What follows of the next look: one piece of news for each transition, and none while a value hovers about the bound.
    ///
    /// - Parameters:
    ///   - isFirst: whether there was nothing to be seen of them before: what begins beyond the bound has not crossed it.
    ///   - hold: how long a value must stay beyond the bound, in microseconds.
    public static func next(
        _ state: WatchState?, _ reading: WatchReading, now: Int64, hold: Int64, isFirst: Bool = false
    ) -> (state: WatchState?, news: WatchNews?) {
        switch (state?.phase, reading) {
        case (nil, .beyond):
            if isFirst { return (WatchState(.crossed, since: now), nil) }
            return hold > 0 ? (WatchState(.pending, since: now), nil) : (WatchState(.crossed, since: now), .crossed)
        case (nil, _): return (nil, nil)
        case (.pending, .beyond):
            guard let state, now >= state.since + hold else { return (state, nil) }
            return (WatchState(.crossed, since: state.since), .crossed)
        case (.pending, _): return (nil, nil)
        case (.crossed, .back): return (nil, .recovered)
        case (.crossed, _): return (state, nil)
        }
    }
}

/// A row of what is kept: of somebody, or with 0 of nobody.
public struct WatchRow: Sendable, Equatable {
    public let person: Int64
    public let identity: String
    public var state: WatchState
    public var value: JSONValue
    /// The firing that it led to; nil if none was told.
    public var instance: String?

    public init(person: Int64, identity: String, state: WatchState, value: JSONValue, instance: String? = nil) {
        self.person = person
        self.identity = identity
        self.state = state
        self.value = value
        self.instance = instance
    }
}

/// How far a rule's watcher has looked.
public struct WatchPlace: Sendable, Equatable {
    /// Of the rule that was watched.
    public var version: Int64
    public var since: Int64
    /// Whether all is known of the time before the rule, so that what differs is news.
    public var isReady = false
    /// Everything up to this was stored when it looked.
    public var seq: Int64 = 0
    /// The last change of people that it has seen.
    public var changeSeq: Int64 = 0
    public var lookedAt = Timestamp.earliest
    /// What the segment or column was by then, in short: another definition is another question.
    public var definition = ""
    /// A report's number.
    public var value = JSONValue.null

    public init(version: Int64, since: Int64) {
        self.version = version
        self.since = since
    }
}

/// What a look came to, or a part of it; written in one transaction with what fires of it.
public struct WatchStep: Sendable {
    public struct Entry: Sendable {
        public let person: Int64
        /// An identity of the person; empty if it is about nobody.
        public let identity: String
        /// Nil to keep nothing of them any more.
        public let state: WatchState?
        public var old: JSONValue?
        public var new = JSONValue.null
        public var news: WatchNews?
        public var lateBy: Int64 = 0

        public init(person: Int64, identity: String, state: WatchState?, news: WatchNews? = nil) {
            self.person = person
            self.identity = identity
            self.state = state
            self.news = news
        }
    }

    /// The trigger's number.
    public let rule: Int64
    /// Whether all that was kept is forgotten before.
    public var beginsAnew = false
    /// Persons who are others by now.
    public var moves: [(from: Int64, to: Int64, identity: String)] = []
    public var entries: [Entry] = []
    public var place: WatchPlace

    public init(rule: Int64, place: WatchPlace) {
        self.rule = rule
        self.place = place
    }
}
