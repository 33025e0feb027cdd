/// Why a backup or a restore could not be made.
public struct BackupError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure; bounded, so that it can label a metric.
    public enum Code: String, Sendable {
        /// The folder cannot be used for this.
        case place
        /// Another backup into the folder is at work.
        case busy
        /// People are being erased: a snapshot would have only some of them.
        case erasing
        /// A file or folder could not be used.
        case files
        /// A snapshot is not what its manifest says.
        case damaged
        /// Somebody stopped it.
        case cancelled
    }

    public let code: Code
    /// What was wrong, where, and what to do.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
