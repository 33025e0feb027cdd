/// Why a connector, an address or a secret was refused, or failed.
public struct ConnectorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure; bounded, so that it can label a metric.
    public enum Code: String, Sendable {
        /// A URL that may not be sent to.
        case badURL = "bad_url"
        /// An address that nothing is sent to unless the operator allows it.
        case blockedAddress = "blocked_address"
        /// A setting that is missing, unknown or no value of its field.
        case badSetting = "bad_setting"
        /// There is no such connector.
        case unknownKind = "unknown_kind"
        /// A secret that cannot be found, read or opened.
        case badSecret = "bad_secret"
        /// The other side refused, and will refuse again.
        case refused
        /// The other side could not be reached, or may accept later.
        case unreachable
    }

    public let code: Code
    /// What was wrong, where, and what to do. Never a secret.
    public let message: String
    /// Whether trying again helps.
    public let isTransient: Bool

    public init(_ code: Code, _ message: String, isTransient: Bool = false) {
        self.code = code
        self.message = message
        self.isTransient = isTransient
    }

    public var description: String { message }
}
