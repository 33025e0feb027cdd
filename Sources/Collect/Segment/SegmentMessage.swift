import Model

/// The fields of one Segment message that count, found but not yet read. What is not here (`context` but for its
/// `traits`, `integrations`, `channel`, `sentAt`) is not stored.
struct SegmentMessage {
    var type = Token()
    var event = Token()
    var userID = Token()
    var anonymousID = Token()
    var previousID = Token()
    var groupID = Token()
    var name = Token()
    var category = Token()
    var messageID = Token()
    var timestamp = Token()
    var originalTimestamp = Token()
    /// Only archives have it; a sender's word for it does not count.
    var receivedAt = Token()
    var properties = Token()
    var traits = Token()
    var contextTraits = Token()
    /// What is wrong with a name in `properties` or in `traits`.
    var propertyFault: String?
    var traitFault: String?

    /// Scans the object at `at`, which moves past it. The last of a key given twice counts, as for Segment.
    init(_ bytes: Span<UInt8>, _ at: inout Int, depth: Int) throws(JSONError) {
        var found = SegmentMessage()
        try JSONScanner.object(bytes, &at, depth: depth) { (key, at) throws(JSONError) in
            try Self.member(key, bytes, &at, depth: depth + 1, &found)
        }
        self = found
    }

    private init() {}

    private static func member(
        _ key: JSONStringToken, _ bytes: Span<UInt8>, _ at: inout Int, depth: Int, _ found: inout SegmentMessage
    ) throws(JSONError) {
        if isKey(key, bytes, "properties") {
            found.propertyFault = nil
            found.properties = try ItemFields.scanProperties(
                bytes, &at, depth: depth, &found.propertyFault)
        } else if isKey(key, bytes, "traits") {
            found.traits = try ItemFields.scanProperties(bytes, &at, depth: depth, &found.traitFault)
        } else if isKey(key, bytes, "context"), at < bytes.count, bytes[at] == 0x7b {
            try JSONScanner.object(bytes, &at, depth: depth) { (key, at) throws(JSONError) in
                if isKey(key, bytes, "traits") {
                    found.contextTraits = try ItemFields.scanProperties(
                        bytes, &at, depth: depth + 1, &found.traitFault)
                } else {
                    try JSONScanner.value(bytes, &at, depth: depth + 1)
                }
            }
        } else {
            let token = try Token(bytes, &at, depth: depth)
            found.keep(token, under: key, bytes)
        }
    }

    private mutating func keep(_ token: Token, under key: JSONStringToken, _ bytes: Span<UInt8>) {
        if isKey(key, bytes, "userId") {
            userID = token
        } else if isKey(key, bytes, "anonymousId") {
            anonymousID = token
        } else if isKey(key, bytes, "type") {
            type = token
        } else if isKey(key, bytes, "event") {
            event = token
        } else if isKey(key, bytes, "messageId") {
            messageID = token
        } else if isKey(key, bytes, "timestamp") {
            timestamp = token
        } else if isKey(key, bytes, "originalTimestamp") {
            originalTimestamp = token
        } else if isKey(key, bytes, "receivedAt") {
            receivedAt = token
        } else if isKey(key, bytes, "name") {
            name = token
        } else if isKey(key, bytes, "category") {
            category = token
        } else if isKey(key, bytes, "previousId") {
            previousID = token
        } else if isKey(key, bytes, "groupId") {
            groupID = token
        }
    }
}

/// Segment's calls.
enum SegmentCall: String {
    case track, identify, alias, page, screen, group
}

extension SegmentCall {
    /// The call that a message's `type` names.
    init(_ type: Token, _ bytes: Span<UInt8>) throws(Refusal) {
        var text: [UInt8] = []
        if type.isString(bytes) { type.read(bytes, into: &text) }
        guard let call = SegmentCall(rawValue: String(decoding: text, as: UTF8.self)) else {
            throw Refusal("type must be track, identify, alias, page, screen or group")
        }
        self = call
    }
}
