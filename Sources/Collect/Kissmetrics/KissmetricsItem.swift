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
        item.properties = KissmetricsDuplicates.object(parameters.properties)
        return identify(item, name: NameFolding.folded(item.name.span))
    }

    /// Properties of a person, with a part for each.
    func set() throws(Refusal) -> (Item, parts: [Item]) {
        var item = try start(.set, flags: .foldsNames)
        guard !parameters.properties.isEmpty else {
            throw Refusal("there is no property: a /s call needs name=value beside the parameters that begin with _")
        }
        item.properties = KissmetricsDuplicates.object(parameters.properties)
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
            item.dedupID = KissmetricsDuplicates.alias(item.identity, other, time: time)
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

    /// Gives an item and its properties the hashes that duplicates are found by; without `_t` there are none.
    private func identify(_ item: Item, name: [UInt8]) -> (Item, parts: [Item]) {
        guard let time = parameters.time else { return (item, []) }
        let duplicates = KissmetricsDuplicates(identity: item.identity, name: name, time: time)
        return duplicates.identify(item, parameters.properties)
    }
}
