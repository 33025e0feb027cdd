/// Why a whole request or file is refused; a refused item of a request that can be read is a reject instead.
public struct CollectError: Error, Equatable, Sendable {
    public enum Code: Sendable, Equatable {
        /// The body is not what the endpoint reads (HTTP 400).
        case malformed
        /// The body holds more than a request may (HTTP 413).
        case tooLarge
        /// A column mapping or a time zone cannot be read (HTTP 400, usage on the command line).
        case mapping
    }

    public let code: Code
    /// What was wrong, where, and what to do. Never holds data of the request.
    public let message: String
    /// The byte of the body, counted from 0, where reading stopped.
    public let offset: Int?
    /// The same bytes are refused again.
    public var isTransient: Bool { false }

    public init(_ code: Code, _ message: String, offset: Int? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
    }
}
