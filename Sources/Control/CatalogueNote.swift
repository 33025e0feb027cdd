public import Model

/// What people say of an event or a property: what it means, who answers for it, and what it is a sign of.
public struct CatalogueNote: Sendable, Equatable {
    /// What has names.
    public enum Kind: String, Sendable, CaseIterable {
        case event
        case eventProperty = "event_property"
        case personProperty = "person_property"
    }

    public let kind: Kind
    public let name: String
    public var description: String
    public var owner: String
    /// A step that matters: whoever does it gets on.
    public var isMilestone: Bool
    /// A sign that somebody is about to leave.
    public var isChurnSignal: Bool
    public var updatedAt: Timestamp?

    public init(_ kind: Kind, _ name: String) {
        (self.kind, self.name) = (kind, name)
        (description, owner) = ("", "")
        (isMilestone, isChurnSignal) = (false, false)
    }
}
