internal import CDuckDB

/// What DuckDB, or the wrapper, says went wrong.
public struct DuckDBError: Error, Sendable, Equatable {
    /// The closed set of kinds; fit for a metric's label.
    public enum Code: String, Sendable, CaseIterable {
        /// Too many callers wait already, or another process holds the file.
        case busy
        /// The statement was interrupted, or the task cancelled.
        case interrupted
        /// The instance's memory limit (or the machine) does not allow the statement.
        case outOfMemory = "out_of_memory"
        /// The file system refused: path, permission, full disk, damaged file.
        case io
        /// A row breaks NOT NULL, a key or a check.
        case constraint
        /// Two transactions wrote the same rows.
        case conflict
        /// The statement is wrong: syntax, names, types.
        case sql
        /// The statement is right and met a value that it cannot take (a cast, an overflow, text that is not UTF-8).
        case value
        /// A setting or a use of the wrapper that cannot work.
        case usage
        /// The lane was closed.
        case closed
        /// The engine stopped; the instance must be opened again.
        case fatal
        /// The engine's own fault, or a kind not listed here.
        case `internal`
    }

    public let code: Code
    /// DuckDB's own text, or the wrapper's: what was wrong and where.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same call can succeed later without a change.
    public var isTransient: Bool { code == .busy || code == .conflict || code == .outOfMemory }

    /// Reads DuckDB's message. The kind is its first words (`Constraint Error: …`): unlike the kind's number, every
    /// function of the C API hands them out.
    init(duckdb message: String) {
        self.init(Self.code(of: message), message)
    }

    /// Reads DuckDB's message and kind, where the message comes without its first words.
    init(duckdb message: String, kind: duckdb_error_type) {
        let code = Self.code(of: message)
        switch kind {
        case _ where code != .internal: self.init(code, message)
        case DUCKDB_ERROR_CONSTRAINT: self.init(.constraint, message)
        case DUCKDB_ERROR_INTERRUPT: self.init(.interrupted, message)
        case DUCKDB_ERROR_OUT_OF_MEMORY: self.init(.outOfMemory, message)
        case DUCKDB_ERROR_IO: self.init(.io, message)
        case DUCKDB_ERROR_TRANSACTION: self.init(.conflict, message)
        case DUCKDB_ERROR_FATAL: self.init(.fatal, message)
        case DUCKDB_ERROR_BINDER, DUCKDB_ERROR_PARSER, DUCKDB_ERROR_CATALOG: self.init(.sql, message)
        case DUCKDB_ERROR_CONVERSION, DUCKDB_ERROR_INVALID_INPUT: self.init(.value, message)
        default: self.init(.internal, message)
        }
    }

    static func code(of message: String) -> Code {
        guard let colon = message.firstIndex(of: ":") else { return .internal }
        switch message[..<colon] {
        case "INTERRUPT Error": return .interrupted
        case "Out of Memory Error": return .outOfMemory
        // The lock on the file is the one IO error that time heals.
        case "IO Error": return message.contains("Could not set lock on file") ? .busy : .io
        case "Permission Error", "HTTP Error", "Network Error": return .io
        case "Constraint Error": return .constraint
        case "TransactionContext Error": return message.contains("onflict") ? .conflict : .sql
        case "Parser Error", "Binder Error", "Catalog Error", "Syntax Error", "Planner Error", "Not implemented Error",
            "Parameter Not Resolved Error", "Parameter Not Allowed Error", "Expression Error", "Settings Error",
            "Dependency Error", "Missing Extension Error", "Extension Autoloading Error":
            return .sql
        case "Conversion Error", "Out of Range Error", "Invalid Input Error", "Mismatch Type Error", "Decimal Error",
            "Divide by Zero Error", "Object Size Error", "Invalid type Error", "Sequence Error", "Serialization Error":
            return .value
        case "FATAL Error": return .fatal
        default: return .internal
        }
    }
}

extension DuckDBError: CustomStringConvertible {
    public var description: String { message }
}
