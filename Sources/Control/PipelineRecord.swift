public import Model

/// A pipeline as it is defined now.
public struct PipelineRecord: Sendable, Equatable {
    public let number: Int64
    public let project: String
    public let name: String
    /// From 1.
    public let version: Int64
    public let definition: JSONValue
    /// Whether it came from the owner of the data folder, who may read what the server may.
    public let isTrusted: Bool
    public let isPaused: Bool
    /// Scheduled times up to this one have a run, or a record that says why not.
    public let scheduledThrough: Timestamp
    public let createdAt: Timestamp
    public let changedAt: Timestamp
}

/// A destination that pipelines name.
public struct DestinationRecord: Sendable, Equatable {
    public let name: String
    public let settings: JSONValue
    public let isTrusted: Bool
    public let changedAt: Timestamp
}

/// How far a pipeline's loads into a destination are.
public struct PipelineWatermark: Sendable, Equatable {
    public let target: String
    public let seq: Int64
    public let run: String
    public let loadedAt: Timestamp
}
