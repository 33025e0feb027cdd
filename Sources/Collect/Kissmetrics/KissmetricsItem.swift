import Model

/// Makes a call's item. An event counts once per identity, name and raw `_t`, whether or not `_t` is its time: clients
/// that send a call again send the same `_t`. Without `_t` nothing is a duplicate.
struct KissmetricsItem {
    let parameters: KissmetricsParameters
    let receivedAt: Timestamp

    /// An event, with a part for each property, which is stored as a change of its person even where the event is
    /// a duplicate.
    func event(ids: IDGenerator) throws(Refusal) -> (Item, parts: [Item]) {
        var item = try start(.event, flags: [.setsProperties, .foldsNames])
        guard let name = parameters.name else { throw Refusal("_n is missing: an event needs a name") }
        item.name = KissmetricsParameters.spaced(name)
        if let fault = CollectRules.fault(item.name.span) { throw Refusal("_n \(fault)") }
        var sequence = ids.sequence(at: receivedAt)
        sequence.appendNext(to: &item.id)
        item.properties = object(parameters.properties)
        let folded = NameFolding.folded(item.name.span)
        return identify(item, name: folded)
    }

    /// Properties of a person, with a part for each.
    func set() throws(Refusal) -> (Item, parts: [Item]) {
        var item = try start(.set, flags: .foldsNames)
        guard !parameters.properties.isEmpty else {
            throw Refusal("there is no property: a /s call needs name=value beside the parameters that begin with _")
        }
        item.properties = object(parameters.properties)
        return identify(item, name: [])
    }

    /// Two identities; their order does not matter.
    func alias() throws(Refusal) -> Item {
        var item = try start(.alias, flags: .namesIdentity)
        guard let other = parameters.name else { throw Refusal("_n is missing: an alias needs the other identity") }
        item.other = other
        if let fault = CollectRules.fault(other.span) { throw Refusal("_n \(fault)") }
        if let fault = CollectRules.aliasFault(item.identity.span, other.span) { throw Refusal(fault) }
        if let time = parameters.time {
            let ordered = item.identity.lexicographicallyPrecedes(other)
            item.dedupID = Self.hash(.alias, ordered ? [item.identity, other, time] : [other, item.identity, time])
        }
        return item
    }

    private func start(_ kind: ItemKind, flags: ItemFlags) throws(Refusal) -> Item {
        var item = Item(kind: kind, wire: .kissmetrics, timestamp: try time(), receivedAt: receivedAt)
        item.flags = flags
        guard let identity = parameters.identity else { throw Refusal("_p is missing: give the person's identity") }
        if let fault = CollectRules.fault(identity.span) { throw Refusal("_p \(fault)") }
        item.identity = identity
        return item
    }

    private func time() throws(Refusal) -> Timestamp {
        guard parameters.timeCounts, let text = parameters.time else { return receivedAt }
        return try ItemFields.timestamp(text.span, "_t with _d=1")
    }

    /// Gives an item and its properties the hashes that duplicates are found by.
    private func identify(_ item: Item, name: [UInt8]) -> (Item, parts: [Item]) {
        guard let time = parameters.time else { return (item, []) }
        var item = item
        item.dedupID = Self.hash(item.kind, [item.identity, name, time])
        let parts = parameters.properties.map { property in
            var part = Item(kind: .set, wire: .kissmetrics, timestamp: item.timestamp, receivedAt: receivedAt)
            part.flags = .foldsNames
            part.identity = item.identity
            part.properties = object([property])
            part.dedupID = Self.hash(item.kind, [item.identity, name, time, property.folded, property.value])
            return part
        }
        item.partIDs = parts.map(\.dedupID)
        return (item, parts)
    }

    private func object(_ properties: [KissmetricsParameters.Property]) -> [UInt8] {
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
