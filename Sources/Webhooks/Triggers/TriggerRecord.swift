public import Model
public import Triggers

/// What is needed to make a trigger.
public struct TriggerDraft: Sendable {
    public var name: String
    public var when: JSONValue
    public var actions: [TriggerAction]
    public var state = TriggerRule.State.enabled

    public init(name: String, when: JSONValue, actions: [TriggerAction]) {
        self.name = name
        self.when = when
        self.actions = actions
    }
}

/// What becomes of waits that an older version has started.
public enum OpenInstances: String, Sendable, CaseIterable {
    /// They end as that version says.
    case pin
    /// They go on as the new version says, with its deadlines.
    case migrate
    case cancel
}

/// A trigger as it is shown.
public struct TriggerRecord: Sendable, Equatable {
    public let number: Int64
    public let id: String
    public let project: String
    public let name: String
    public let version: Int64
    public let when: JSONValue
    /// `{"endpoint": id}`, or `{kind: settings}` with secrets hidden, and the id under which its deliveries are listed.
    public let actions: JSONValue
    public let state: TriggerRule.State
    public let sinceSeq: Int64
    /// Why it is held, where the server did that.
    public let reason: String?
    public let changedBy: String
    public let stateAt: Timestamp
    public let createdAt: Timestamp
    public let updatedAt: Timestamp
}
