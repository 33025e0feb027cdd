internal import GRDB

/// Why the control database refused or failed.
public struct ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure; bounded, so that it can label a metric.
    public enum Code: String, Sendable {
        /// The folder already holds a Sluice.
        case alreadyInitialized
        /// The folder holds no Sluice yet.
        case notInitialized
        /// A project of that name exists.
        case projectExists
        /// No such project.
        case noSuchProject
        /// A project's name is not one.
        case badName
        /// SQLite reported an error.
        case database
        /// A file or folder could not be made or read.
        case io
    }

    public let code: Code
    /// What was wrong, where, and what to do.
    public let message: String
    /// Whether trying again helps.
    public let isTransient: Bool

    public init(_ code: Code, _ message: String, isTransient: Bool = false) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
    }

    public var description: String { message }

    /// Any error that a database access threw.
    init(wrapping error: any Error) {
        if let own = error as? ControlError {
            self = own
        } else if let database = error as? DatabaseError {
            // GRDB's own description names the statement, and may name its arguments: only the result code leaves.
            let transient = [.SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR].contains(database.resultCode)
            self.init(
                .database, "the control database failed: \(database.message ?? "\(database.resultCode)")",
                isTransient: transient)
        } else {
            self.init(.database, "the control database failed: \(type(of: error))")
        }
    }
}
