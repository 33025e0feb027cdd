internal import DuckDB

/// Why people could not be read.
public struct PeopleError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed set of kinds; fit for a metric's label.
    public enum Code: String, Sendable, CaseIterable {
        /// The cursor is none that this list gave out.
        case cursor
        /// The limit is not from 1 to 1,000.
        case limit
        /// Too many queries wait, or the store is behind; later it works.
        case busy
        /// The task that asked was cancelled.
        case cancelled
        /// The store refused; the message is its own.
        case store
    }

    public let code: Code
    /// What was wrong and what to do. Holds no row data.
    public let message: String
    /// Whether the same call can succeed later.
    public let isTransient: Bool

    public init(_ code: Code, _ message: String, isTransient: Bool = false) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
    }

    public var description: String { message }

    /// The error for a cursor of another list.
    public static let strangeCursor = PeopleError(
        .cursor, "The cursor is none that this list gave out; ask again without one.")

    /// The error for whatever reading threw.
    init(reading error: any Error) {
        switch error {
        case let error as PeopleError: self = error
        case let error as DuckDBError: self.init(error)
        default: self.init(.store, String(describing: error))
        }
    }

    /// The error for one of the engine's.
    init(_ error: DuckDBError) {
        switch error.code {
        case .busy: self.init(.busy, error.message, isTransient: true)
        case .interrupted: self.init(.cancelled, "The task was cancelled.")
        default: self.init(.store, error.message, isTransient: error.isTransient)
        }
    }
}
