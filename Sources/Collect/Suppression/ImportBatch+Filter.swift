internal import Model

extension ImportBatch {
    /// The batch without the rows of identities that were erased. They become rejects that keep nothing of the row, but for
    /// a keyed hash by which the same row is known when the file is sent again.
    public func filtered(by filter: some IdentityFilter) -> ImportBatch {
        ImportBatch(rows: rows.map { $0.filtered(by: filter) })
    }
}

extension ImportRow {
    fileprivate func filtered(by filter: some IdentityFilter) -> ImportRow {
        switch filter.verdict(of: item) {
        case .refused:
            return ImportRow(
                line: line, item: item.refused("line \(line): \(FilterVerdict.reason)", filter),
                rejection: FilterVerdict.reason)
        case .withoutRaw:
            let reason = String(decoding: item.name, as: UTF8.self)
            return ImportRow(line: line, item: item.refused(reason, filter), rejection: rejection)
        case .taken:
            guard more.contains(where: { filter.verdict(of: $0) != .taken }) else { return self }
            var row = self
            row.more = more.map { item in
                switch filter.verdict(of: item) {
                case .taken: item
                case .refused: item.refused("line \(line): \(FilterVerdict.reason)", filter)
                case .withoutRaw: item.refused(String(decoding: item.name, as: UTF8.self), filter)
                }
            }
            return row
        }
    }
}

extension IdentityFilter {
    fileprivate func verdict(of item: Item) -> FilterVerdict {
        verdict(
            item.kind, identity: item.identity.span, other: item.other.span, properties: item.properties.span)
    }
}

extension Item {
    fileprivate func refused(_ reason: String, _ filter: some IdentityFilter) -> Item {
        var reject = Item(refusing: reason, wire: wire, receivedAt: receivedAt)
        // The row is the same whenever the file is sent; where it has no time, the import's is no part of it.
        var same = self
        if timestamp == receivedAt { same.timestamp = Timestamp(microseconds: 0) }
        same.receivedAt = same.timestamp
        var bytes = Array(reason.utf8)
        same.encode(into: &bytes)
        reject.dedupID = filter.mark(of: bytes.span)
        return reject
    }
}
