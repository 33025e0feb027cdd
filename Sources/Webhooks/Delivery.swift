public import Model

/// Where a delivery is: one message on its way to one endpoint.
public enum DeliveryState: Int64, Sendable, CaseIterable {
    /// It waits for its time, or for an endpoint that is paused, disabled or tripped.
    case pending = 0
    /// An attempt is under way.
    case sending = 1
    case delivered = 2
    /// All attempts failed: a dead letter, which can be sent again.
    case exhausted = 3
    /// It came while the endpoint was disabled.
    case skipped = 4
    /// It will not be sent: the receiver wants it never, or what it says is gone.
    case aborted = 5

    /// The word in the API.
    public var word: String {
        switch self {
        case .pending: "pending"
        case .sending: "sending"
        case .delivered: "delivered"
        case .exhausted: "exhausted"
        case .skipped: "skipped"
        case .aborted: "aborted"
        }
    }

    /// The states that a word in a request means.
    public static func named(_ word: String) -> [DeliveryState]? {
        switch word {
        // What people call those that did not arrive.
        case "failed", "dead": [.exhausted, .aborted]
        default: allCases.first { $0.word == word }.map { [$0] }
        }
    }
}

/// A delivery as it is listed.
public struct DeliveryRecord: Sendable, Equatable {
    public let number: Int64
    public let endpoint: String
    public let messageID: String
    public let type: String
    public let seq: Int64?
    public let state: DeliveryState
    public let isBulk: Bool
    public let attempts: Int64
    public let nextAt: Timestamp?
    public let reason: String?
    public let createdAt: Timestamp
    public let finishedAt: Timestamp?

    public var id: String { Self.id(number) }

    public static func id(_ number: Int64) -> String { "dlv_" + Base32.encode(UInt64(bitPattern: number)) }

    /// The number of an id; nil if it is none.
    public static func number(_ id: String) -> Int64? {
        guard id.hasPrefix("dlv_"), let value = Base32.decode(id.dropFirst(4)) else { return nil }
        return Int64(exactly: value)
    }
}

/// One attempt as it is listed.
public struct AttemptRecord: Sendable, Equatable {
    public let number: Int64
    public let delivery: Int64
    public let messageID: String
    public let type: String
    /// Which one of the delivery, from 1.
    public let attempt: Int64
    public let at: Timestamp
    public let cause: String
    public let url: String
    public let status: Int64?
    public let error: String?
    public let detail: String?
    public let peer: String?
    /// Microseconds of: dns, connect, tls, first_byte, total.
    public let timings: [(name: String, value: Int64?)]
    public let nextAt: Timestamp?
    /// A JSON object.
    public let responseHeaders: String?
    public let responseBody: [UInt8]?
    public let cut: String?

    public static func == (a: AttemptRecord, b: AttemptRecord) -> Bool { a.number == b.number }
}
