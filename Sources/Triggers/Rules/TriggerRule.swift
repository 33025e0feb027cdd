internal import Model

/// One version of a trigger, ready to be evaluated.
public struct TriggerRule: Sendable {
    public enum State: String, Sendable, CaseIterable {
        case enabled
        /// Nothing starts; what comes due waits until it is enabled.
        case held
        /// Nothing starts, and what comes due is dropped.
        case disabled
    }

    public let number: Int64
    public let id: String
    public let project: String
    public let name: String
    public let version: Int64
    public let when: TriggerWhen
    public let policy: TriggerPolicy
    /// Whether it is the version that starts anything; others only end what they have started.
    public let isCurrent: Bool
    public let state: State
    /// Items after this `seq` are its.
    public let since: Int64
    /// The type of its messages.
    public let type: String

    public init(
        number: Int64, id: String, project: String, name: String, version: Int64, when: TriggerWhen,
        policy: TriggerPolicy, isCurrent: Bool = true, state: State = .enabled, since: Int64,
        type: String = TriggerFiring.firedType
    ) {
        self.number = number
        self.id = id
        self.project = project
        self.name = name
        self.version = version
        self.when = when
        self.policy = policy
        self.isCurrent = isCurrent
        self.state = state
        self.since = since
        self.type = type
    }

    /// Whether it starts anything now.
    var starts: Bool { isCurrent && state == .enabled }

}
