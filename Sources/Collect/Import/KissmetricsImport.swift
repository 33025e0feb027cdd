import Model

/// Lines of KISSmetrics' own export as items: events, properties of people, and aliases. They may come in any order, and more
/// than once.
struct KissmetricsImport {
    private let builder: ImportItemBuilder
    private var lines = LineBuffer(limit: CollectLimits.exportLineBytes)
    private var mended: [UInt8] = []

    init(builder: ImportItemBuilder) { self.builder = builder }

    mutating func read(_ chunk: [UInt8], isLast: Bool, into rows: inout [ImportRow]) {
        lines.append(chunk)
        while let range = lines.next(isLast: isLast) {
            if let row = row(Array(lines.bytes[range])) { rows.append(row) }
        }
    }

    /// The row of a line; nil if it is blank.
    private mutating func row(_ line: [UInt8]) -> ImportRow? {
        let text = line.span
        guard text.count > CollectLimits.exportLineBytes || !isBlankLine(text) else { return nil }
        do throws(Refusal) {
            guard text.count <= CollectLimits.exportLineBytes else {
                throw Refusal("the line has over \(CollectLimits.exportLineBytes) bytes: no more are taken")
            }
            mended.removeAll(keepingCapacity: true)
            let isMended = OctalEscapes.mend(text, into: &mended)
            let read = isMended ? try KissmetricsLine(mended.span) : try KissmetricsLine(text)
            let nth = try nth(read)
            let made = try item(read, nth: nth)
            return ImportRow(line: lines.line, item: made.item, rejection: nil, parts: made.parts, nth: nth)
        } catch {
            return builder.reject(error.reason, raw: text, line: lines.line)
        }
    }

    private func item(_ line: KissmetricsLine, nth: Int) throws(Refusal) -> (item: Item, parts: [Item]) {
        guard let identity = line.identity else { throw Refusal("_p is missing: give the person's identity") }
        if let fault = CollectRules.fault(identity.span) { throw Refusal("_p \(fault)") }
        guard let rawTime = line.time else {
            throw Refusal("_t is missing: a line of the past needs its time, in epoch seconds")
        }
        let time = try ItemFields.timestamp(rawTime.span, "_t")
        var item = Item(kind: .set, wire: .importFile, timestamp: time, receivedAt: builder.receivedAt)
        if let server = line.serverTime {
            item.receivedAt = try ItemFields.timestamp(server.span, "_server_timestamp")
        }
        item.identity = identity
        let written = Self.written(time, rawTime)
        if let other = line.other { return (try alias(item, other, line, written), []) }
        item.flags = .foldsNames
        var folded: [UInt8] = []
        if let name = line.name {
            item.kind = .event
            item.flags = [.setsProperties, .foldsNames]
            item.name = KissmetricsParameters.spaced(name)
            if let fault = CollectRules.fault(item.name.span) { throw Refusal("_n \(fault)") }
            folded = NameFolding.folded(item.name.span)
        } else if line.properties.isEmpty {
            throw Refusal("the line says nothing: it needs _n (an event), _p2 (an alias) or a property")
        }
        item.properties = KissmetricsDuplicates.object(line.properties)
        var duplicates = KissmetricsDuplicates(identity: identity, name: folded, time: written)
        duplicates.nth = nth
        var (identified, parts) = duplicates.identify(item, line.properties)
        if item.kind == .event { identified.id = identified.dedupID.importedID }
        return (identified, parts)
    }

    private func alias(
        _ start: Item, _ other: [UInt8], _ line: KissmetricsLine, _ time: [UInt8]
    ) throws(Refusal) -> Item {
        guard line.name == nil, line.properties.isEmpty else {
            throw Refusal(
                "the line has _p2 beside an event or properties: a line that ties two identities does only that")
        }
        if let fault = CollectRules.fault(other.span) { throw Refusal("_p2 \(fault)") }
        if let fault = CollectRules.aliasFault(start.identity.span, other.span) { throw Refusal(fault) }
        var item = start
        item.kind = .alias
        item.flags = .namesIdentity
        item.other = other
        item.dedupID = KissmetricsDuplicates.alias(item.identity, other, time: time)
        return item
    }

    private func nth(_ line: KissmetricsLine) throws(Refusal) -> Int {
        guard let text = line.nth else { return 1 }
        guard let number = Int(String(decoding: text, as: UTF8.self)), number > 0 else {
            throw Refusal("_nth must be a whole number above 0")
        }
        return number
    }

    /// `_t` as duplicates compare it: whole seconds are the same however they are written.
    private static func written(_ time: Timestamp, _ raw: [UInt8]) -> [UInt8] {
        let (seconds, rest) = time.secondsAndMicroseconds
        return rest == 0 ? Array("\(seconds)".utf8) : raw
    }
}
