internal import Connectors
internal import GRDB

/// Why an endpoint or a delivery was refused, or the outbox failed.
public struct WebhookError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kind of failure; bounded, so that it can label a metric.
    public enum Code: String, Sendable {
        /// An endpoint that cannot be as it is described.
        case badEndpoint = "bad_endpoint"
        /// There is no such endpoint.
        case noEndpoint = "no_endpoint"
        /// There is no such trigger.
        case noTrigger = "no_trigger"
        /// There is no such delivery.
        case noDelivery = "no_delivery"
        /// The endpoint or the delivery is not in a state for that.
        case conflict
        /// What was read of the endpoints is not what they are now: read them again.
        case changed
        /// SQLite reported an error.
        case database
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

    /// Any error that a database access threw.
    init(wrapping error: any Error) {
        switch error {
        case let own as WebhookError: self = own
        case let error as ConnectorError: self.init(.badEndpoint, error.message)
        case let error as DatabaseError:
            // GRDB's own description names the statement, and may name its arguments: only the result code leaves.
            let transient = [.SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR].contains(error.resultCode)
            self.init(
                .database, "the outbox failed: \(error.message ?? "\(error.resultCode)")", isTransient: transient)
        default: self.init(.database, "the outbox failed: \(type(of: error))")
        }
    }
}
