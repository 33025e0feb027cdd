public import Model

/// A range of time that is loaded again, a window after another.
public struct BackfillRecord: Sendable, Equatable {
    public enum Status: String, Sendable, CaseIterable {
        case running, paused, succeeded, failed, cancelled

        /// Whether it can go on.
        public var isOpen: Bool { self == .running || self == .paused || self == .failed }
    }

    public let number: Int64
    public let id: String
    public let project: String
    public let pipeline: String
    /// The range [from, to).
    public let from: Timestamp
    public let to: Timestamp
    /// How long a window is, in microseconds.
    public let step: Int64
    /// Everything before this is loaded.
    public let next: Timestamp
    public let status: Status
    public let reason: String?
    /// The run of the window that is at work.
    public let run: String?
    public let windowsDone: Int64
    public let rows: Int64
    /// How long the windows took together, in microseconds.
    public let took: Int64
    public let createdAt: Timestamp
    public let finishedAt: Timestamp?
}
