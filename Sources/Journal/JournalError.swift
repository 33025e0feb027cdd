/// Why the journal could not do what it was asked to.
public struct JournalError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// The queue before the writer holds as many bytes as it may.
        case queueFull
        /// The slowest follower is as many bytes behind as it may be.
        case backlogFull
        /// The disk has no room; nothing of the submission is stored.
        case diskFull
        /// A sync failed: what the disk holds is not known, so writing is refused until a restart.
        case syncFailed
        /// Bytes that were durable are not what was written.
        case damaged
        /// What the follower asked for was deleted already.
        case behind
        /// The journal is closed or being closed.
        case closed
        /// Another call of the operating system failed.
        case io
        /// The task that asked was cancelled.
        case cancelled
    }

    public let code: Code
    /// What was wrong, where, and what to do.
    public let message: String
    /// Whether the same call can succeed later without anybody's help.
    public let isTransient: Bool
    /// Seconds after which trying again makes sense; only of transient errors.
    public let retryAfterSeconds: Int?
    /// The file and the byte in it, where there is one.
    public let file: String?
    public let offset: Int64?

    init(_ code: Code, _ message: String, file: String? = nil, offset: Int64? = nil) {
        self.code = code
        self.message = message
        self.file = file
        self.offset = offset
        switch code {
        case .queueFull: (isTransient, retryAfterSeconds) = (true, 1)
        case .backlogFull, .diskFull: (isTransient, retryAfterSeconds) = (true, 5)
        case .syncFailed, .damaged, .behind, .closed, .io, .cancelled: (isTransient, retryAfterSeconds) = (false, nil)
        }
    }

    /// The error of a failed call on a file of the journal.
    init(_ error: FileError, while doing: String) {
        if error.isFull {
            self.init(.diskFull, "The disk has no room (\(error)) while \(doing). Free some space.", file: error.path)
        } else {
            self.init(.io, "\(error) while \(doing).", file: error.path)
        }
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
