public import Model

/// The native protocol's request, `POST /v1/events`.
public enum NativeRequest {
    /// Reads `{"events":[…]}`, or the array alone. Other keys beside `events` are ignored.
    ///
    /// Throws `.malformed` if the body is not JSON of this shape, `.tooLarge` if it holds too many items: nothing of it is
    /// taken then. What is wrong with one item is that item's reject.
    public static func parse(
        json body: [UInt8], receivedAt: Timestamp, ids: IDGenerator
    ) throws(CollectError) -> ParsedRequest {
        var parsed = ParsedRequest()
        var reader = NativeItemReader(wire: .native, receivedAt: receivedAt, ids: ids.sequence(at: receivedAt))
        try readEnvelope(body.span, list: "events") { (bytes, at) throws(JSONError) in
            let start = at
            if let reason = try reader.read(bytes, &at) {
                let raw = bytes.extracting(start..<at)
                parsed.refuse(
                    reason, raw: raw, index: parsed.outcomes.count, wire: .native, receivedAt: receivedAt)
            } else {
                parsed.accept(reader.item, index: parsed.outcomes.count)
            }
        }
        return parsed
    }

    /// Reads one item a line. A line that is not JSON, or no item, is the reject of that line; blank lines are skipped,
    /// but they count in the index.
    public static func parse(
        ndjson body: [UInt8], receivedAt: Timestamp, ids: IDGenerator
    ) throws(CollectError) -> ParsedRequest {
        var parsed = ParsedRequest()
        var reader = NativeItemReader(wire: .native, receivedAt: receivedAt, ids: ids.sequence(at: receivedAt))
        let bytes = body.span
        var lines = LineCursor(after: byteOrderMark(bytes))
        while let line = lines.next(in: bytes) {
            if line.isBlank { continue }
            guard parsed.outcomes.count < CollectLimits.itemsPerRequest else {
                throw tooMany(at: line.range.lowerBound)
            }
            let text = bytes.extracting(line.range)
            if let reason = reader.readLine(text) {
                parsed.refuse(reason, raw: text, index: line.index, wire: .native, receivedAt: receivedAt)
            } else {
                parsed.accept(reader.item, index: line.index)
            }
        }
        return parsed
    }

    static func tooMany(at offset: Int) -> CollectError {
        CollectError(
            .tooLarge, "more than \(CollectLimits.itemsPerRequest) items in one request: send them in several",
            offset: offset)
    }
}

extension NativeItemReader {
    /// Reads a line that holds one item and nothing else. Returns why it is none, or nil with the item in `item`.
    mutating func readLine(_ line: Span<UInt8>) -> String? {
        if line.count > CollectLimits.itemBytes {
            return "the line has \(line.count) bytes: at most \(CollectLimits.itemBytes) are taken"
        }
        do throws(JSONError) {
            var at = 0
            let reason = try read(line, &at)
            JSONScanner.skipWhitespace(line, &at)
            guard at == line.count else { throw JSONError("something follows the item", at: at) }
            return reason
        } catch {
            return "the line is not JSON: \(error.reason) at byte \(error.offset)"
        }
    }
}

/// Where the text begins: after a byte order mark, if there is one.
func byteOrderMark(_ bytes: Span<UInt8>) -> Int {
    bytes.count >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf ? 3 : 0
}

/// Walks a body that is an object with a list under `list`, or the list alone; `element` gets the position of each.
@inline(__always)
func readEnvelope(
    _ bytes: Span<UInt8>, list: StaticString,
    element: (Span<UInt8>, inout Int) throws(JSONError) -> Void
) throws(CollectError) {
    var count = 0
    var lists = 0
    var isList = true
    var tooManyAt: Int?
    do throws(JSONError) {
        var at = byteOrderMark(bytes)
        JSONScanner.skipWhitespace(bytes, &at)
        func walk(_ at: inout Int) throws(JSONError) {
            lists += 1
            try JSONScanner.array(bytes, &at, depth: 1) { (at) throws(JSONError) in
                count += 1
                if count > CollectLimits.itemsPerRequest {
                    tooManyAt = at
                    throw JSONError("too many items", at: at)
                }
                try element(bytes, &at)
            }
        }
        if at < bytes.count, bytes[at] == 0x5b {
            try walk(&at)
        } else {
            try JSONScanner.object(bytes, &at) { (key, at) throws(JSONError) in
                if isKey(key, bytes, list), at < bytes.count, bytes[at] == 0x5b {
                    try walk(&at)
                } else {
                    if isKey(key, bytes, list) { isList = false }
                    try JSONScanner.skipValue(bytes, &at)
                }
            }
        }
        JSONScanner.skipWhitespace(bytes, &at)
        guard at == bytes.count else { throw JSONError("something follows the document", at: at) }
    } catch {
        if let tooManyAt { throw NativeRequest.tooMany(at: tooManyAt) }
        throw CollectError(
            .malformed, "the body is not JSON that can be read: \(error.reason) at byte \(error.offset)",
            offset: error.offset)
    }
    guard isList, lists == 1 else {
        let what = isList ? (lists == 0 ? "is missing" : "is given twice") : "is not an array"
        throw CollectError(.malformed, "\(list) \(what): send {\"\(list)\":[…]}")
    }
}
