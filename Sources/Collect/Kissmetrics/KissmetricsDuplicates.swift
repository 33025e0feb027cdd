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
        item.dedupID = Self.hash(item.kind, key)
        let size = max(1, (properties.count + Item.mostParts - 1) / Item.mostParts)
        let parts = stride(from: 0, to: properties.count, by: size).map { start in
            let group = properties[start..<min(start + size, properties.count)]
            var part = Item(kind: .set, wire: item.wire, timestamp: item.timestamp, receivedAt: item.receivedAt)
            part.flags = .foldsNames
            part.identity = item.identity
            part.properties = Self.object(group)
            part.dedupID = Self.hash(item.kind, key + group.flatMap { [$0.folded, $0.value] })
            return part
        }
        item.partIDs = parts.map(\.dedupID)
        return (item, parts)
    }

    private var key: [[UInt8]] { [identity, name, time] + (nth > 1 ? [Array("\(nth)".utf8)] : []) }

    /// The hash of an alias, whose two sides have no order.
    static func alias(_ identity: [UInt8], _ other: [UInt8], time: [UInt8]) -> Hash128 {
        let ordered = identity.lexicographicallyPrecedes(other)
        return hash(.alias, ordered ? [identity, other, time] : [other, identity, time])
    }

    /// Properties as a JSON object.
    static func object(_ properties: some Sequence<KissmetricsParameters.Property>) -> [UInt8] {
        var out: [UInt8] = [0x7b]
        for property in properties {
            if out.count > 1 { out.append(0x2c) }
            JSONText.appendString(property.name.span, to: &out)
            out.append(0x3a)
            out.append(contentsOf: property.value)
        }
        out.append(0x7d)
        return out
    }

    /// The hash of texts one after another, each with its length before it, under a seed of its own: no id of another
    /// protocol can be taken for it.
    private static func hash(_ kind: ItemKind, _ texts: [[UInt8]]) -> Hash128 {
        var bytes: [UInt8] = [kind.rawValue]
        for text in texts {
            bytes.appendLittleEndian(UInt32(text.count))
            bytes.append(contentsOf: text)
        }
        return Hash128(bytes.span, seed: 0x4b4d)
    }
}
