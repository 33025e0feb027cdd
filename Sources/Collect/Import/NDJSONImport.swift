import Model

/// Lines of an NDJSON file as items: native items, or with a mapping flat objects.
///
/// With a mapping, the fields are the members that it names; members that it does not name are properties, unless
/// the line has an object `properties`, which then holds them as in the native protocol.
struct NDJSONImport {
    private let plan: NDJSONPlan?
    private var builder: ImportItemBuilder
    private var native: NativeItemReader
    private var lines = LineBuffer(limit: CollectLimits.itemBytes)

    init(mapping: ImportMapping?, builder: ImportItemBuilder, ids: IDSequence) {
        plan = mapping.map { NDJSONPlan($0) }
        self.builder = builder
        native = NativeItemReader(
            wire: .importFile, receivedAt: builder.receivedAt, ids: ids, takesEventID: true, zone: builder.zone)
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
            return ImportRow(line: lines.line, item: try item(text), rejection: nil)
        } catch {
            return builder.reject(error.reason, raw: text, line: lines.line)
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
