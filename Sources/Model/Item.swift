/// What a stored item is. Every kind gets a `seq` of its own; the numbers are part of the journal's format.
public enum ItemKind: UInt8, Sendable, CaseIterable {
    /// Something a person did.
    case event = 1
    /// Properties set on a person.
    case set = 2
    /// Two identities that are one person.
    case alias = 3
    /// An input that was refused, kept with its reason: `name` is the reason, `properties` the raw input.
    case reject = 4
    /// An alias taken back: `name` is the decimal `seq` of the alias.
    case undo = 5
}

/// The wire protocol an item came by; the numbers are part of the journal's format.
public enum WireProtocol: UInt8, Sendable, CaseIterable {
    case native = 1
    case kissmetrics = 2
    case segment = 3
    case importFile = 4

    /// The protocol's name in rejects, logs and metrics.
    public var label: String {
        switch self {
        case .native: "native"
        case .kissmetrics: "kissmetrics"
        case .segment: "segment"
        case .importFile: "import"
        }
    }
}

/// What an item's protocol says about it beyond its fields.
public struct ItemFlags: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// An event whose properties are also property changes of its person (KISSmetrics' model).
    public static let setsProperties = ItemFlags(rawValue: 1 << 0)
    /// The identity was named by an identify call or an alias, so that its person counts as identified.
    public static let namesIdentity = ItemFlags(rawValue: 1 << 1)
    /// An alias that an SDK derived (an identify with two ids) and nobody asked for; it does not tie an undone pair again.
    public static let derivedAlias = ItemFlags(rawValue: 1 << 2)
    /// Event and property names map onto the first-seen form without regard to case (KISSmetrics).
    public static let foldsNames = ItemFlags(rawValue: 1 << 3)
}

/// One item as collection makes it and followers of the journal read it, before it has a `seq`.
///
/// Texts are UTF-8 bytes, since none of them is looked at as text on the way to the disk.
public struct Item: Sendable, Equatable {
    public var kind: ItemKind
    public var flags: ItemFlags = []
    public var wire: WireProtocol
    /// When it happened.
    public var timestamp: Timestamp
    /// When the server received it.
    public var receivedAt: Timestamp
    /// The hash that duplicates are found by, or `.none`.
    public var dedupID: Hash128 = .none
    /// Hashes of the parts that count on their own when the whole is a duplicate (one for each property of a
    /// KISSmetrics call); empty otherwise.
    public var partIDs: [Hash128] = []
    /// The event's id as sent (1-255 characters), or the one made for it; empty where a kind has none.
    public var id: [UInt8] = []
    public var identity: [UInt8] = []
    /// The event's name, a reject's reason, or the `seq` that an undo names.
    public var name: [UInt8] = []
    /// The other identity of an alias.
    public var other: [UInt8] = []
    /// A JSON object without insignificant whitespace, or a reject's raw input.
    public var properties: [UInt8] = []

    public init(kind: ItemKind, wire: WireProtocol, timestamp: Timestamp, receivedAt: Timestamp) {
        self.kind = kind
        self.wire = wire
        self.timestamp = timestamp
        self.receivedAt = receivedAt
    }
}
