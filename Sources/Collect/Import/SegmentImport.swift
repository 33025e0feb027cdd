import Model

/// Lines of a Segment archive as items: one message a line, mapped as those that its SDKs send. `receivedAt`, where a line
/// has it, is when it was received; messages are found again by their `messageId`.
struct SegmentImport {
    private var builder: ImportItemBuilder
    private var maker: SegmentItem
    private var lines = LineBuffer(limit: CollectLimits.itemBytes)

    init(builder: ImportItemBuilder, ids: IDSequence) {
        self.builder = builder
        maker = SegmentItem(receivedAt: builder.receivedAt, ids: ids, wire: .importFile)
    }

    mutating func read(_ chunk: [UInt8], isLast: Bool, into rows: inout [ImportRow]) {
        lines.append(chunk)
        while let range = lines.next(isLast: isLast) {
            if let row = row(Array(lines.bytes[range])) { rows.append(row) }
        }
    }

    /// The row of a line; nil if it is blank.
    private mutating func row(_ line: [UInt8]) -> ImportRow? {
        let text = line.span
        guard text.count > CollectLimits.itemBytes || !isBlankLine(text) else { return nil }
        do throws(Refusal) {
            guard text.count <= CollectLimits.itemBytes else {
                throw Refusal("the line has over \(CollectLimits.itemBytes) bytes: no more are taken")
            }
            let made = try items(text)
            return ImportRow(
                line: lines.line, item: made.item, rejection: nil, more: made.derived.map { [$0] } ?? [])
        } catch {
            return builder.reject(error.reason, raw: text, line: lines.line)
        }
    }

    private mutating func items(_ text: Span<UInt8>) throws(Refusal) -> (item: Item, derived: Item?) {
        let message: SegmentMessage
        do throws(JSONError) {
            var at = 0
            JSONScanner.skipWhitespace(text, &at)
            message = try SegmentMessage(text, &at, depth: 0)
            JSONScanner.skipWhitespace(text, &at)
            guard at == text.count else { throw JSONError("something follows the message", at: at) }
        } catch {
            throw Refusal("the line is not a JSON object: \(error.reason) at byte \(error.offset)")
        }
        maker.receivedAt = builder.receivedAt
        let isDated = !message.receivedAt.isNothing(text)
        if isDated { maker.receivedAt = try ItemFields.timestamp(message.receivedAt, text, "receivedAt") }
        var (item, derived) = try maker.make(try SegmentCall(message.type, text), message, text)
        // Without an id of its own, a message gets one that it gets again.
        if item.dedupID == .none {
            let hasTime = !message.timestamp.isNothing(text) || !message.originalTimestamp.isNothing(text)
            builder.identify(&item, countsTime: hasTime || isDated)
            if derived?.kind == .alias { derived?.dedupID = SegmentItem.derivedID(item) }
        }
        return (item, derived)
    }
}
