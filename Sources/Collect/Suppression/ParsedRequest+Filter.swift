internal import Journal
internal import Model

extension ParsedRequest {
    /// The request without the items of identities that were erased. They become rejects that keep nothing of the input.
    public func filtered(by filter: some IdentityFilter) -> ParsedRequest {
        let verdicts = (0..<submission.count).map { place in
            submission.withItem(place) { item, bytes in
                filter.verdict(
                    item.kind, identity: bytes.extracting(item.identity), other: bytes.extracting(item.other),
                    properties: bytes.extracting(item.properties))
            }
        }
        guard verdicts.contains(where: { $0 != .taken }) else { return self }
        var kept = ParsedRequest()
        for (number, outcome) in outcomes.enumerated() {
            let end = number + 1 < outcomes.count ? outcomes[number + 1].item : submission.count
            let isRefused = verdicts[outcome.item] == .refused
            kept.note(index: outcome.index, rejection: isRefused ? FilterVerdict.reason : outcome.rejection)
            // What follows from an input that is refused goes with it.
            for place in outcome.item..<(isRefused ? outcome.item + 1 : end) {
                kept.take(place, of: self, verdicts[place])
            }
        }
        return kept
    }

    private mutating func take(_ place: Int, of other: ParsedRequest, _ verdict: FilterVerdict) {
        switch verdict {
        case .taken: copy(place, of: other)
        case .refused, .withoutRaw:
            addDerived(
                other.submission.withItem(place) { item, bytes in
                    let reason =
                        verdict == .refused ? FilterVerdict.reason : String(utf8: bytes.extracting(item.name))
                    return Item(refusing: reason, wire: item.wire, receivedAt: item.receivedAt)
                })
        }
    }
}

extension Item {
    /// A refused input of which nothing is kept but the reason.
    init(refusing reason: String, wire: WireProtocol, receivedAt: Timestamp) {
        let nothing: [UInt8] = []
        self.init(rejecting: nothing.span, reason: reason, wire: wire, receivedAt: receivedAt)
    }
}
