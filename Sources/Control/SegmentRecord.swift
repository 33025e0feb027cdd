public import Model

/// What somebody saves as a segment.
public struct SegmentDraft: Sendable, Equatable {
    public var name: String
    public var description: String
    /// The zone in which the tree's times are written.
    public var timezone: String
    /// The condition, a JSON document.
    public var tree: String

    public init(name: String, description: String, timezone: String, tree: String) {
        self.name = name
        self.description = description
        self.timezone = timezone
        self.tree = tree
    }
}

/// One version of a saved segment.
public struct SegmentRecord: Sendable, Equatable {
    /// The order of making, from 1: the cursor of lists.
    public let number: Int64
    public let id: String
    /// From 1.
    public let version: Int64
    public var draft: SegmentDraft
    /// When the first version was made.
    public let createdAt: Timestamp
    /// When this version was made.
    public let updatedAt: Timestamp

    public init(
        number: Int64, id: String, version: Int64, draft: SegmentDraft, createdAt: Timestamp, updatedAt: Timestamp
    ) {
        (self.number, self.id, self.version, self.draft) = (number, id, version, draft)
        (self.createdAt, self.updatedAt) = (createdAt, updatedAt)
    }
}

/// What became of a change of a segment.
public enum SegmentChange: Sendable, Equatable {
    case done(SegmentRecord)
    /// Another version than the one that was to be changed is the newest.
    case changed(version: Int64)
    /// There is no such segment.
    case absent
}
