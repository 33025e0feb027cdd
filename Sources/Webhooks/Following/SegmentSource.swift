public import EventStore
public import Model

/// A saved segment, ready to be asked of one person: no time in it that is not fixed.
public struct NamedSegment: Sendable {
    public let id: String
    public let name: String
    public let version: Int64
    public let tree: Condition
    public let json: JSONValue

    public init(id: String, name: String, version: Int64, tree: Condition, json: JSONValue) {
        self.id = id
        self.name = name
        self.version = version
        self.tree = tree
        self.json = json
    }

    /// As it is told of a person who is in it.
    var document: JSONValue { ["id": .string(id), "name": .string(name), "version": JSONValue(version)] }
}

/// Where a project's saved segments come from.
public protocol SegmentSource: Sendable {
    /// All of them, with times that count from a moment.
    func segments(at moment: Timestamp) async throws -> [NamedSegment]
    /// A condition on people, ready to be asked: what it names is in its place, and its times count from a moment.
    ///
    /// - Throws: `QueryError` where it cannot be asked, or names what is gone.
    func condition(
        _ json: JSONValue, path: String, at moment: Timestamp
    ) async throws -> (tree: Condition, fixed: JSONValue)
}

/// Knows of none.
public struct NoSegments: SegmentSource {
    public init() {}

    public func segments(at moment: Timestamp) async throws -> [NamedSegment] { [] }

    public func condition(
        _ json: JSONValue, path: String, at moment: Timestamp
    ) async throws -> (tree: Condition, fixed: JSONValue) {
        throw QueryError(.invalidCondition, at: path, "nothing is known here of what it names")
    }
}
