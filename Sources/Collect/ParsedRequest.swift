public import Journal
import Model

/// What became of one input of a request.
public struct Outcome: Sendable, Equatable {
    /// The input's place in the request, from 0 (in NDJSON the line, blank ones counted).
    public let index: Int
    /// Its item's place in the submission: the event, set or alias, or the reject that keeps a refused input.
    public let item: Int
    /// Why the input was refused; nil if it was taken.
    public let rejection: String?
}

/// A request's items, ready for the journal, and what became of each input.
///
/// There is one outcome an input. The submission can hold more: a Segment identify with two ids also makes an alias.
public struct ParsedRequest: Sendable {
    public private(set) var submission = Submission()
    public private(set) var outcomes: [Outcome] = []
    /// Reject items in the submission.
    public private(set) var rejectCount = 0

    public init() {}

    /// Takes an input's item.
    mutating func accept(_ item: Item, parts: [Item] = [], index: Int) {
        outcomes.append(Outcome(index: index, item: submission.count, rejection: nil))
        submission.add(item, parts: parts)
    }

    /// Takes an item that follows from an input beside the input's own.
    mutating func addDerived(_ item: Item) {
        if item.kind == .reject { rejectCount += 1 }
        submission.add(item)
    }

    /// Notes what became of an input whose item is added next.
    mutating func note(index: Int, rejection: String?) {
        outcomes.append(Outcome(index: index, item: submission.count, rejection: rejection))
    }

    /// Takes an item of another request as it is.
    mutating func copy(_ place: Int, of other: ParsedRequest) {
        if other.submission.withItem(place, { item, _ in item.kind }) == .reject { rejectCount += 1 }
        submission.add(place, of: other.submission)
    }

    /// Refuses an input and keeps it.
    mutating func refuse(
        _ reason: String, raw: Span<UInt8>, index: Int, wire: WireProtocol, receivedAt: Timestamp
    ) {
        outcomes.append(Outcome(index: index, item: submission.count, rejection: reason))
        addDerived(Item(rejecting: raw, reason: reason, wire: wire, receivedAt: receivedAt))
    }
}

extension Item {
    /// A refused input with its reason: kept as valid UTF-8, at most `CollectLimits.rawBytes` of it.
    init(rejecting raw: Span<UInt8>, reason: String, wire: WireProtocol, receivedAt: Timestamp) {
        self.init(kind: .reject, wire: wire, timestamp: receivedAt, receivedAt: receivedAt)
        name = Array(reason.utf8.prefix(Item.longestField))
        var end = min(raw.count, CollectLimits.rawBytes)
        if end < raw.count {
            // Back to where a character begins, so that none is cut in two.
            var start = end
            while start > 0, start > end - 4, raw[start] & 0xc0 == 0x80 { start -= 1 }
            if raw[start] & 0xc0 != 0x80 { end = start }
        }
        let kept = raw.extracting(0..<end)
        if JSONScanner.isUTF8(kept) {
            properties = Array(copying: kept)
        } else {
            // Each wrong byte becomes three of U+FFFD, so the text may have to be cut again.
            var text = Array(String(utf8: kept).utf8)
            if text.count > CollectLimits.rawBytes {
                var cut = CollectLimits.rawBytes
                while cut > 0, text[cut] & 0xc0 == 0x80 { cut -= 1 }
                text.removeSubrange(cut...)
            }
            properties = text
        }
    }
}
