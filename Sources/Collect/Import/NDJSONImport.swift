import Model

/// Lines of an NDJSON file as items: native items, or with a mapping flat objects.
///
/// With a mapping, the fields are the members that it names; members that it does not name are properties, unless
/// the line has an object `properties`, which then holds them as in the native protocol.
struct NDJSONImport {
    private let plan: NDJSONPlan?
    private var builder: ImportItemBuilder
    private var native: NativeItemReader
    private var buffer: [UInt8] = []
    private var start = 0
    private var line = 0
    private var isFirst = true
    private var skipsToLineEnd = false

    init(mapping: ImportMapping?, builder: ImportItemBuilder, ids: IDSequence) {
        plan = mapping.map { NDJSONPlan($0) }
        self.builder = builder
        native = NativeItemReader(
            wire: .importFile, receivedAt: builder.receivedAt, ids: ids, takesEventID: true, zone: builder.zone)
    }

    mutating func read(_ chunk: [UInt8], isLast: Bool, into rows: inout [ImportRow]) {
        buffer.removeSubrange(..<start)
        start = 0
        buffer.append(contentsOf: chunk)
        if isFirst {
            guard buffer.count >= 3 || isLast else { return }
            start = byteOrderMark(buffer.span)
            isFirst = false
        }
        while start < buffer.count {
            let feed = lineFeed(buffer.span, from: start)
            if skipsToLineEnd {
                start = feed.map { $0 + 1 } ?? buffer.count
                skipsToLineEnd = feed == nil
                continue
            }
            guard feed != nil || isLast || buffer.count - start > CollectLimits.itemBytes + 1 else { return }
            var end = feed ?? buffer.count
            let next = feed.map { $0 + 1 } ?? buffer.count
            // A line too long to be an item is refused before its end is there.
            skipsToLineEnd = feed == nil && !isLast
            if end > start, buffer[end - 1] == 0x0d { end -= 1 }
            line += 1
            if let row = row(start..<end) { rows.append(row) }
            start = next
        }
    }

    /// The row of a line; nil if it is blank.
    private mutating func row(_ range: Range<Int>) -> ImportRow? {
        let copy = Array(buffer[range])
        let text = copy.span
        guard text.count > CollectLimits.itemBytes || !isBlankLine(text) else { return nil }
        do throws(Refusal) {
            return ImportRow(line: line, item: try item(text), rejection: nil)
        } catch {
            return builder.reject(error.reason, raw: text, line: line)
        }
    }

    private mutating func item(_ text: Span<UInt8>) throws(Refusal) -> Item {
        guard text.count <= CollectLimits.itemBytes else {
            throw Refusal("the line has over \(CollectLimits.itemBytes) bytes: no more are taken")
        }
        if let plan { return try builder.item(try plan.read(text)) }
        if let reason = native.readLine(text) { throw Refusal(reason) }
        var item = native.item
        // Without an id of its own, a row gets one that it gets again.
        if item.dedupID == .none { builder.identify(&item, countsTime: native.hasTime) }
        return item
    }
}
