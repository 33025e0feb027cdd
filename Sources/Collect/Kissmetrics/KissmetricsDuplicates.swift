import Model

/// By what KISSmetrics' duplicates are found, the same for a call and for a line of an export: an event counts once per
/// identity, name and raw `_t`, and each of its properties once per name and value beside those.
struct KissmetricsDuplicates {
    let identity: [UInt8]
    /// The event's name in lower case; empty for properties that are set without an event.
    let name: [UInt8]
    /// `_t` as it came.
    let time: [UInt8]
    /// Which of the items of which the three are the same it is, from 1: our own exports say so of those that are no repeats.
    var nth = 1

    /// Gives an item and its properties their hashes. The parts stand for the properties, each one of its own or, where
    /// there are more than an item carries, some together.
    func identify(_ item: Item, _ properties: [KissmetricsParameters.Property]) -> (Item, parts: [Item]) {
        var item = item
        var hashed = HashedTexts(item.kind)
        hashed.append(identity.span)
        hashed.append(name.span)
        hashed.append(time.span)
        if nth > 1 { hashed.append(Array("\(nth)".utf8).span) }
        item.dedupID = hashed.hash
        guard !properties.isEmpty else { return (item, []) }

        let shared = hashed.count
        let size = max(1, (properties.count + Item.mostParts - 1) / Item.mostParts)
        var parts: [Item] = []
        parts.reserveCapacity(min(properties.count, Item.mostParts))
        item.partIDs.reserveCapacity(min(properties.count, Item.mostParts))
        for start in stride(from: 0, to: properties.count, by: size) {
            let group = properties[start..<min(start + size, properties.count)]
            hashed.cut(to: shared)
            for property in group {
                hashed.append(property.folded.span)
                hashed.append(property.value.span)
            }
            var part = Item(kind: .set, wire: item.wire, timestamp: item.timestamp, receivedAt: item.receivedAt)
            part.flags = .foldsNames
            part.identity = item.identity
            part.properties = Self.object(group)
            part.dedupID = hashed.hash
            item.partIDs.append(part.dedupID)
            parts.append(part)
        }
        return (item, parts)
    }

    /// The hash of an alias, whose two sides have no order.
    static func alias(_ identity: [UInt8], _ other: [UInt8], time: [UInt8]) -> Hash128 {
        let ordered = identity.lexicographicallyPrecedes(other)
        var hashed = HashedTexts(.alias)
        hashed.append(ordered ? identity.span : other.span)
        hashed.append(ordered ? other.span : identity.span)
        hashed.append(time.span)
        return hashed.hash
    }

    /// Properties as a JSON object.
    static func object(_ properties: some Sequence<KissmetricsParameters.Property>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(properties.reduce(2) { $0 + $1.name.count + $1.value.count + 4 })
        out.append(0x7b)
        for property in properties {
            if out.count > 1 { out.append(0x2c) }
            JSONText.appendString(property.name.span, to: &out)
            out.append(0x3a)
            out.append(contentsOf: property.value)
        }
        out.append(0x7d)
        return out
    }
}

/// Texts one after another, each with its length before it, hashed under a seed of its own: no id of another protocol can be
/// taken for it.
private struct HashedTexts {
    private var bytes: [UInt8] = []

    init(_ kind: ItemKind) {
        bytes.reserveCapacity(192)
        bytes.append(kind.rawValue)
    }

    var count: Int { bytes.count }
    var hash: Hash128 { Hash128(bytes.span, seed: 0x4b4d) }

    mutating func append(_ text: Span<UInt8>) {
        bytes.appendLittleEndian(UInt32(text.count))
        bytes.append(copying: text)
    }

    /// Takes away what came after the first `count` bytes.
    mutating func cut(to count: Int) { bytes.removeLast(bytes.count - count) }
}
