public import Model

/// One wait of a trigger for something that does not come.
public struct TriggerInstance: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        case armed
        /// It came due while its trigger was held.
        case held
        case fired
        /// What was waited for came.
        case cancelled
        /// What was waited for had come before it was armed.
        case satisfied = "satisfied_at_arm"
        /// Another start took its place.
        case superseded
        /// It came due, or was heard of, too late.
        case expired = "expired_late"
        /// What was waited for came in time by its own clock, and was heard of after the firing.
        case contradicted = "fired_then_contradicted"
    }

    public var number: Int64 = 0
    /// The trigger's number.
    public let rule: Int64
    public var version: Int64
    public var id: String
    /// Whose it is, in the evaluator's own mapping: an identity of the person.
    public var key: String
    /// What start and end have in common; empty if the start has none.
    public let correlation: String
    public let identity: String
    public var person: Int64?
    /// Of the item that started it.
    public let seq: Int64
    public var eventID: String
    /// When it started, by the event's own clock.
    public var at: Int64
    public var deadline: Int64
    public var fireAt: Int64
    public var state: State = .armed
    /// The id of the event that ended it, or a word for why.
    public var endedBy: String?
    public var endedAt: Int64?
    /// The event as the API shows it.
    public var event: [UInt8]?
    public var depth: Int64 = 0
    /// Whether something is asked of the person when it comes due.
    public var asks = false

    public init(
        rule: Int64, version: Int64, id: String, key: String, correlation: String, identity: String, person: Int64?,
        seq: Int64, eventID: String, at: Int64, deadline: Int64, fireAt: Int64
    ) {
        self.rule = rule
        self.version = version
        self.id = id
        self.key = key
        self.correlation = correlation
        self.identity = identity
        self.person = person
        self.seq = seq
        self.eventID = eventID
        self.at = at
        self.deadline = deadline
        self.fireAt = fireAt
    }
}

/// That a trigger fired, or that what it said is taken back.
public struct TriggerFiring: Sendable, Equatable {
    public static let firedType = "trigger.fired"
    public static let retractedType = "trigger.retracted"
    public static let identifiedType = "person.identified"
    public static let recoveredType = "trigger.recovered"
    /// That a trigger was held since it fired too often.
    public static let pausedType = "trigger.paused"
    /// What follows a firing and is none.
    public static let followUps = [retractedType, recoveredType]

    public let rule: Int64
    public let ruleID: String
    public let ruleName: String
    public let version: Int64
    public let type: String
    public let instance: String
    /// The message's id.
    public let message: String
    public let key: String
    public let identity: String?
    public let person: Int64?
    /// Of the item that caused it; nil if none did.
    public let seq: Int64?
    public let eventID: String
    public let event: [UInt8]?
    public let firedAt: Timestamp
    /// Microseconds after its time.
    public let lateBy: Int64
    /// What became different, for the kinds that tell.
    public let change: JSONValue?
    public let depth: Int64
}

/// What is counted of a trigger.
public enum TriggerCount: String, Sendable, CaseIterable {
    case armed, cancelled, fired, late, contradicted, superseded, expired
    case satisfied = "satisfied_at_arm"
    /// More waits of one person at once than there may be.
    case overflow
    /// Starts that re-entry or a cooldown let go.
    case ignored
    /// Starts without the property by which start and end are matched.
    case uncorrelated
    /// Imported, or of long ago.
    case historical
    /// Caused by too many triggers in a row.
    case looped
    /// Came due while the trigger was disabled, or would have fired it oftener than it may.
    case dropped
    /// Values that are back from beyond the bound.
    case recovered
}

/// A time at which something happened that a rule remembers.
public struct TriggerMark: Sendable, Equatable {
    public let at: Int64
    public let seq: Int64

    public init(at: Int64, seq: Int64) {
        self.at = at
        self.seq = seq
    }
}
