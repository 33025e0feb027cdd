import Model

/// What a mapped row says, field by field, before it is an item; each text is nil where there is none.
struct MappedRow {
    var identity: [UInt8]?
    var timestamp: [UInt8]?
    /// Whether the time has a column, so that a row without one is refused.
    var needsTimestamp = false
    var event: [UInt8]?
    var id: [UInt8]?
    var type: [UInt8]?
    var other: [UInt8]?
    /// A JSON object without insignificant white space.
    var properties: [UInt8] = [0x7b, 0x7d]
}

/// Makes items of mapped rows, by the rules of the native protocol.
struct ImportItemBuilder {
    let zone: ImportZone
    let receivedAt: Timestamp
    private var identities = RowIdentity()

    init(zone: ImportZone, receivedAt: Timestamp) {
        self.zone = zone
        self.receivedAt = receivedAt
    }

    mutating func item(_ row: MappedRow) throws(Refusal) -> Item {
        var item = Item(kind: .event, wire: .importFile, timestamp: receivedAt, receivedAt: receivedAt)
        if let type = row.type {
            guard let kind = ItemKind(nativeType: type.span) else {
                throw Refusal("type must be \"track\", \"set\" or \"alias\"; nothing else is known")
            }
            item.kind = kind
        }
        item.identity = try text(row.identity, "identity")
        switch item.kind {
        case .alias:
            item.flags = .namesIdentity
            item.other = try text(row.other, "other")
            if let fault = CollectRules.aliasFault(item.identity.span, item.other.span) { throw Refusal(fault) }
        case .set:
            guard row.properties.count > 2 else { throw Refusal("there are no properties: a set needs one or more") }
        default: item.name = try text(row.event, "event")
        }
        if item.kind != .alias { item.properties = row.properties }
        if let time = row.timestamp {
            item.timestamp = try zone.read(time.span)
        } else if row.needsTimestamp {
            throw Refusal("timestamp is empty: a row of the past needs its time")
        }
        if let id = row.id {
            item.id = try text(id, "id")
            item.dedupID = Hash128(item.id.span)
        } else {
            identities.identify(&item, countsTime: row.timestamp != nil)
        }
        return item
    }

    /// Gives an item without an id one that the same row gets again.
    mutating func identify(_ item: inout Item, countsTime: Bool) {
        identities.identify(&item, countsTime: countsTime)
    }

    private func text(_ text: [UInt8]?, _ field: StaticString) throws(Refusal) -> [UInt8] {
        guard let text else { throw Refusal("\(field) is missing: give 1-\(CollectLimits.textCharacters) characters") }
        if let fault = CollectRules.fault(text.span) { throw Refusal("\(field) \(fault)") }
        return text
    }

    /// A row that was refused.
    func reject(_ reason: String, raw: Span<UInt8>, line: Int) -> ImportRow {
        ImportRow(
            line: line,
            item: Item(rejecting: raw, reason: "line \(line): \(reason)", wire: .importFile, receivedAt: receivedAt),
            rejection: reason)
    }
}
