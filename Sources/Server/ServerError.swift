/// Why a server could not start or a check could not be made.
public struct ServerError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure; bounded, so that it can label a metric.
    public enum Code: String, Sendable {
        /// Another process uses the data folder.
        case locked
        /// The folder holds no Sluice.
        case notInitialized
        /// A project's journal or store could not be opened.
        case cannotOpen
        /// The address or the socket could not be bound.
        case cannotListen
        /// A file or folder could not be used.
        case io
    }

    public let code: Code
    /// What was wrong, where, and what to do.
    public let message: String
    /// Whether trying again helps.
    public var isTransient: Bool { code == .locked }

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
