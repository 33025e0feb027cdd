public import Model

extension Submission {
    /// An item as it is laid out, with the bytes in which it lies.
    public func withItem<T>(_ place: Int, _ body: (ItemLayout, Span<UInt8>) -> T) -> T {
        var at = items[place].start
        guard let layout = ItemLayout(bytes.span, at: &at) else {
            preconditionFailure("a submission holds what was encoded into it")
        }
        return body(layout, bytes.span)
    }

    /// Adds an item of another submission, with its parts.
    public mutating func add(_ place: Int, of other: Submission) {
        let chosen = other.items[place]
        let firstPart = parts.count
        for part in other.parts[chosen.firstPart..<(chosen.firstPart + chosen.partCount)] {
            let start = partBytes.count
            partBytes.append(contentsOf: other.partBytes[part.start..<part.end])
            parts.append(
                SubmittedItem(start: start, end: partBytes.count, dedupID: part.dedupID, firstPart: 0, partCount: 0))
        }
        let start = bytes.count
        bytes.append(contentsOf: other.bytes[chosen.start..<chosen.end])
        items.append(
            SubmittedItem(
                start: start, end: bytes.count, dedupID: chosen.dedupID, firstPart: firstPart,
                partCount: chosen.partCount))
    }
}
