public import Model

/// Segment's tracking API, which RudderStack's SDKs speak too: `/v1/batch` and one path a call.
public enum SegmentRequest {
    /// The reply whatever became of the messages: the protocol has no verdict on one of them.
    public static let reply = Array("{\"success\": true}".utf8)

    /// The `writeKey` that a body names, for senders without an `Authorization` header; nil if it names none or is not
    /// JSON.
    public static func writeKey(in body: [UInt8]) -> String? {
        let bytes = body.span
        var found: String?
        var at = byteOrderMark(bytes)
        try? JSONScanner.object(bytes, &at) { (key, at) throws(JSONError) in
            guard isKey(key, bytes, "writeKey") else { return try JSONScanner.skipValue(bytes, &at) }
            let token = try Token(bytes, &at, depth: 1)
            if token.isString(bytes) {
                var text: [UInt8] = []
                token.read(bytes, into: &text)
                found = String(decoding: text, as: UTF8.self)
            }
        }
        return found
    }

    /// Reads a request. `path` ends in `batch`, `track`, `identify`, `alias`, `page`, `screen` or `group`; in a batch
    /// each message names its `type`.
    ///
    /// Throws `.malformed` if the body is not JSON of this shape, `.tooLarge` if it holds too many messages. A message
    /// that cannot be taken is a reject.
    public static func parse(
        path: String, body: [UInt8], receivedAt: Timestamp, ids: IDGenerator
    ) throws(CollectError) -> ParsedRequest {
        var reader = SegmentReader(receivedAt: receivedAt, ids: ids.sequence(at: receivedAt))
        let last = path.split(separator: "/").last.map(String.init) ?? ""
        if last == "batch" {
            try readEnvelope(body.span, list: "batch") { (bytes, at) throws(JSONError) in
                try reader.read(bytes, &at, call: nil)
            }
        } else if let call = SegmentCall(rawValue: last) {
            do throws(JSONError) {
                let bytes = body.span
                var at = byteOrderMark(bytes)
                JSONScanner.skipWhitespace(bytes, &at)
                try reader.read(bytes, &at, call: call)
                JSONScanner.skipWhitespace(bytes, &at)
                guard at == bytes.count else { throw JSONError("something follows the message", at: at) }
            } catch {
                throw CollectError(
                    .malformed, "the body is not JSON that can be read: \(error.reason) at byte \(error.offset)",
                    offset: error.offset)
            }
        } else {
            throw CollectError(
                .malformed, "there is no call \(last): use batch, track, identify, alias, page, screen or group")
        }
        return reader.parsed
    }
}

/// Reads Segment messages one after another.
private struct SegmentReader {
    private(set) var parsed = ParsedRequest()
    private var maker: SegmentItem
    private let receivedAt: Timestamp

    init(receivedAt: Timestamp, ids: IDSequence) {
        self.receivedAt = receivedAt
        maker = SegmentItem(receivedAt: receivedAt, ids: ids)
    }

    /// Reads the message at `at`, which moves past it.
    mutating func read(_ bytes: Span<UInt8>, _ at: inout Int, call: SegmentCall?) throws(JSONError) {
        let start = at
        let index = parsed.outcomes.count
        let message: SegmentMessage
        do throws(JSONError) {
            guard at < bytes.count, bytes[at] == 0x7b else {
                let token = try Token(bytes, &at, depth: 2)
                return refuse("a message must be an object, but this is \(token.kind(bytes))", bytes, start..<at, index)
            }
            message = try SegmentMessage(bytes, &at, depth: 2)
        } catch {
            // JSON that only nests too deep is the fault of this message, not of the whole body.
            at = start
            try JSONScanner.deepValue(bytes, &at)
            return refuse(error.reason, bytes, start..<at, index)
        }
        do throws(Refusal) {
            guard at - start <= CollectLimits.itemBytes else {
                throw Refusal("the message has \(at - start) bytes: at most \(CollectLimits.itemBytes) are taken")
            }
            let named = if let call { call } else { try SegmentCall(message.type, bytes) }
            let (item, derived) = try maker.make(named, message, bytes)
            parsed.accept(item, index: index)
            if let derived { parsed.addDerived(derived) }
        } catch {
            refuse(error.reason, bytes, start..<at, index)
        }
    }

    private mutating func refuse(_ reason: String, _ bytes: Span<UInt8>, _ range: Range<Int>, _ index: Int) {
        parsed.refuse(
            reason, raw: bytes.extracting(range), index: index, wire: .segment, receivedAt: receivedAt)
    }
}
