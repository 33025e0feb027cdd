internal import Age
internal import DuckDB
internal import EventStore

/// Why an export or a check of one could not be done.
public struct ExportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed set of kinds; fit for a metric's label.
    public enum Code: String, Sendable, CaseIterable {
        /// The specification is wrong; it must be changed.
        case invalidSpec = "invalid_spec"
        /// It names a `seq` that nothing has reached yet.
        case notYet = "not_yet"
        /// The task was cancelled.
        case cancelled
        /// A file or folder could not be used; the disk may be full.
        case files
        /// The store refused.
        case store
        /// What was written does not match its manifest.
        case mismatch
        /// The rows came in another order than asked; a defect of ours.
        case order
    }

    public let code: Code
    /// What was wrong, where, and what to do. Holds no row data.
    public let message: String
    public let isTransient: Bool

    public init(_ code: Code, _ message: String, isTransient: Bool = false) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
    }

    public var description: String { message }

    init(_ error: QueryError) { self.init(.invalidSpec, error.message) }

    /// Why a file could not be encrypted.
    init(_ error: AgeError) { self.init(.files, "cannot encrypt: \(error.message)") }

    init(_ error: any Error) {
        switch error {
        case let error as ExportError: self = error
        case let error as QueryError: self.init(error)
        case let error as StoreError: self.init(.store, error.message, isTransient: error.isTransient)
        case let error as DuckDBError:
            if error.code == .interrupted {
                self.init(.cancelled, "the export was cancelled")
            } else {
                self.init(.store, error.message, isTransient: error.isTransient)
            }
        case is CancellationError: self.init(.cancelled, "the export was cancelled")
        default: self.init(.store, String(describing: error))
        }
    }
}
