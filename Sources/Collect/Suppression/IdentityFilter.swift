public import Model

/// Identities that were erased and are refused from then on, known by keyed hashes alone.
public protocol IdentityFilter: Sendable {
    func contains(_ identity: Span<UInt8>) -> Bool
    /// A hash of a text under the same key: tells nothing of the text to those without it.
    func mark(of text: Span<UInt8>) -> Hash128
}

/// What becomes of an item before it is stored.
enum FilterVerdict {
    case taken
    /// An identity of the item was erased: the item becomes a reject that keeps nothing of it.
    case refused
    /// A reject for another reason whose raw text names an identity that was erased: it is kept without that text.
    case withoutRaw

    static let reason = "this identity was erased and is refused"
}

extension IdentityFilter {
    func verdict(
        _ kind: ItemKind, identity: Span<UInt8>, other: Span<UInt8>, properties: Span<UInt8>
    ) -> FilterVerdict {
        switch kind {
        case .event, .set: contains(identity) ? .refused : .taken
        case .alias: contains(identity) || contains(other) ? .refused : .taken
        case .reject: isNamed(in: properties) ? .withoutRaw : .taken
        case .undo: .taken
        }
    }

    private func isNamed(in raw: Span<UInt8>) -> Bool {
        RawReadings.all(raw).contains { reading in RawTokens.contains(reading.span) { contains($0) } }
    }
}
