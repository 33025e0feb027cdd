public import EventStore
public import Model

/// Which events are meant: by their names, and by what is asked of each.
public struct EventTest: Sendable, Equatable {
    /// Empty for events of any name.
    public var names: [String]
    public var condition: Condition?

    public init(names: [String], condition: Condition? = nil) {
        self.names = names
        self.condition = condition
    }
}

/// When a trigger fires.
public enum TriggerWhen: Sendable, Equatable {
    /// Each such event.
    case event(EventTest)
    /// The Nth such event of a person within a length of time, by the times at which they happened.
    case count(Count)
    /// A person's property gets another value.
    case property(PropertyChange)
    /// Somebody is identified for the first time.
    case newPerson
    /// An event, and not another one of the same person within a length of time; or the last of several events in their order.
    case absence(Absence)
    /// No such event of anybody for so long.
    case silence(Silence)
    /// What is not told by an item of the journal: a segment's people, a computed column, a report's number. Whoever watches it hands in
    /// what was seen (`TriggerEngine.watch`).
    case watched(TriggerWatch)

    public struct Count: Sendable, Equatable {
        public enum Rearm: String, Sendable, CaseIterable {
            /// Counting begins anew.
            case reset
            /// It fires again whenever the window holds another multiple of N.
            case every
            /// It fires while the window holds N, but not within the cooldown.
            case cooldown
        }

        public let test: EventTest
        public let atLeast: Int
        /// Microseconds.
        public let within: Int64
        public let rearm: Rearm
    }

    public struct PropertyChange: Sendable, Equatable {
        public let name: String
        /// Nil for any value.
        public let from: JSONValue?
        public let to: JSONValue?
    }

    public struct Absence: Sendable, Equatable {
        /// What must have come before the start, in this order.
        public var before: [Step] = []
        public let starts: EventTest
        /// What is waited for; nil for a sequence that nothing is waited for after.
        public let ends: EventTest?
        /// Microseconds: the window is [the start, the start + this).
        public let within: Int64
        /// A property of both events that must be the same.
        public let correlate: String?
        public let reentry: Reentry
        /// How much longer is waited for what comes late, in microseconds.
        public let grace: Int64
        /// Whether it is told if the awaited event comes after all.
        public let retracts: Bool
        /// What must be so of the person when it comes due: a condition on people, as it was written.
        public let still: JSONValue?

        /// Whether nothing is waited for, not even what comes late.
        public var firesAtOnce: Bool { ends == nil && grace == 0 }
    }

    /// One event of a sequence before its last.
    public struct Step: Sendable, Equatable {
        public let test: EventTest
        /// Within how long the next one follows, in microseconds: it lies in [this one, this one + this).
        public let next: Int64
    }

    /// What another start does while one is waited for.
    public enum Reentry: String, Sendable, CaseIterable {
        /// Each start waits by itself.
        case each
        /// Starts are ignored while one is waited for.
        case firstOpen = "first_open"
        /// The latest start counts.
        case restart
        /// A person fires it once and never again.
        case onceEver = "once_ever"
    }

    public struct Silence: Sendable, Equatable {
        public let test: EventTest
        /// Microseconds.
        public let length: Int64
    }
}

/// What a trigger does with what fires late, in microseconds after its time; nil to fire however late.
public struct TriggerPolicy: Sendable, Equatable {
    public var skipsAfter: Int64?
    /// For so long after a firing none of the same person follows.
    public var cooldown: Int64 = 0
    /// Events that came later than this after they happened start nothing.
    public var mostAge: Int64 = 3_600_000_000
    /// How often it may fire within a length of time; whatever would fire it once more holds it.
    public var cap: Cap?

    public struct Cap: Sendable, Equatable {
        public let count: Int
        /// Microseconds, whole minutes.
        public let within: Int64
    }

    public init() {}
}

/// What follows when a trigger fires.
public enum TriggerAction: Sendable, Equatable {
    /// A webhook's endpoint, by its id.
    case endpoint(String)
    /// A connector of the registry, by its kind, and its settings.
    case connector(String, JSONValue)
}
