/// Why the store could not do what was asked.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure, few enough to label a metric.
    public enum Code: String, Sendable, CaseIterable {
        /// The engine refused a statement; the message is its own.
        case database
        /// The store was written by a newer program.
        case newerFormat
        /// The journal is damaged in front of the applier, or an item in it cannot be decoded.
        case damaged
        /// The journal no longer has what follows the last applied item.
        case behind
        /// The applier has not reached the `seq` that was asked for.
        case lagging
        /// The applier has stopped for good; its reason is in the status.
        case stopped
        /// Too many queries wait for a lane.
        case busy
        /// A step of the compactor made way for something that may not wait.
        case interrupted
        /// What was asked for is not what it was when the work began.
        case changed
        /// The task that asked was cancelled.
        case cancelled
        /// The question took longer than it may.
        case tooLong
        /// The store is closed.
        case closed
        /// The folder or a file cannot be used.
        case files
    }

    public let code: Code
    /// What was wrong, where, and what to do. Holds no row data.
    public let message: String
    /// Whether the same call can succeed later without anybody's doing.
    public let isTransient: Bool

    public init(_ code: Code, _ message: String, isTransient: Bool = false) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
