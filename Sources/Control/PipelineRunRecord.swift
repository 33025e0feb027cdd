public import Model

/// One run of a pipeline, and what became of it.
public struct PipelineRunRecord: Sendable, Equatable {
    public enum Status: String, Sendable, CaseIterable {
        case queued, running, succeeded, failed, skipped, stale, cancelled

        public var isFinal: Bool { self != .queued && self != .running }
    }

    /// Why it was made.
    public enum Cause: String, Sendable {
        case schedule
        case manual
        /// A scheduled time had passed while nothing could run.
        case catchUp = "catch_up"
        /// A part of a backfill.
        case backfill
        /// Runs of other pipelines that it comes after were done.
        case after
        /// Something came, and it follows what comes.
        case continuous

        /// Whether it is one of a range that somebody asked for, and says nothing of what is new.
        public var isBackfill: Bool { self == .backfill }
    }

    public let number: Int64
    public let id: String
    public let project: String
    public let pipeline: String
    /// The pipeline's version and definition when the run was made.
    public let version: Int64
    public let definition: JSONValue
    public let isTrusted: Bool
    public let cause: Cause
    public let scheduledFor: Timestamp?
    /// The backfill that it is a part of, and the times [rangeFrom, rangeTo) of what it loads.
    public let backfill: Int64?
    public let rangeFrom: Timestamp?
    public let rangeTo: Timestamp?
    /// The runs of other pipelines that it came after, by the pipelines' names.
    public var upstream: JSONValue?
    public var status: Status
    /// The server's start in which it ran last.
    public var boot: String?
    /// The destination's location.
    public var target: String?
    /// The window (seqFrom, seqTo]; nil until it is pinned.
    public var seqFrom: Int64?
    public var seqTo: Int64?
    /// The resolved specification of the export.
    public var spec: JSONValue?
    /// A list of steps, as the API shows them.
    public var steps: JSONValue
    /// Rows that were loaded.
    public var rows: Int64?
    public var isStale: Bool
    public var reason: String?
    /// When what failed is tried again.
    public var nextAttemptAt: Timestamp?
    public let createdAt: Timestamp
    public var startedAt: Timestamp?
    public var finishedAt: Timestamp?
}
