public import Model

/// Many deliveries that are sent again together: how many they are, how far that is, and what is left of it when it is called off.
public struct ReplayRecord: Sendable {
    public let number: Int64
    public let endpoint: String
    /// What was asked for, as JSON: `status`, `from` and `to`.
    public let asked: JSONValue
    public let madeBy: String
    public let createdAt: Timestamp
    /// How many were put back into the queue.
    public let total: Int64
    /// Whether more of them are still being looked for.
    public let isTaking: Bool
    /// Whether it ended before all were found: with the server, or by an error.
    public let isPartial: Bool
    public let cancelledAt: Timestamp?
    /// Of one that was called off, how many are what they were before.
    public let putBack: Int64
    /// How many of them are in which state; of one that is over, how many were when it ended.
    public let states: [DeliveryState: Int64]

    public var id: String { Self.id(number) }

    static func id(_ number: Int64) -> String { "rpl_" + Base32.encode(UInt64(bitPattern: number)) }

    /// The number of an id; nil if it is none.
    public static func number(_ id: String) -> Int64? {
        guard id.hasPrefix("rpl_"), let value = Base32.decode(id.dropFirst(4)) else { return nil }
        return Int64(exactly: value)
    }

    /// How many wait, or are on their way.
    public var open: Int64 { (states[.pending] ?? 0) + (states[.sending] ?? 0) }

    /// Whether it was called off, and the server ended before all was what it had been.
    var isCutOff: Bool { cancelledAt != nil && (states[.pending] ?? 0) > 0 }

    public var status: String {
        if cancelledAt != nil { return "cancelled" }
        return isTaking || open > 0 ? "running" : "done"
    }
}
