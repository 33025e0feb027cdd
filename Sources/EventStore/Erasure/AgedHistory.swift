public import Model

/// What went from a store by its age, as far as questions about the past must know of it.
public struct AgedHistory: Sendable, Equatable {
    /// The largest `seq` of it.
    public let through: Int64
    /// All of it had happened before.
    public let before: Timestamp
    /// The newest item that the store had when some went last. Values that a newer one has replaced go, so that what a person's
    /// properties are is whole as of then and later, and not as of before.
    public let asOf: Int64

    public init(through: Int64, before: Timestamp, asOf: Int64) {
        (self.through, self.before, self.asOf) = (through, before, asOf)
    }

    /// With what else goes.
    func adding(_ other: AgedHistory) -> AgedHistory {
        AgedHistory(
            through: max(through, other.through), before: max(before, other.before), asOf: max(asOf, other.asOf))
    }
}

extension AgedHistory {
    private static let (throughKey, beforeKey, asOfKey) = ("aged_through", "aged_before", "aged_as_of")

    /// Nil if nothing ever went.
    init?(state: [String: Int64]) {
        guard let through = state[Self.throughKey], let before = state[Self.beforeKey], let asOf = state[Self.asOfKey]
        else { return nil }
        self.init(through: through, before: Timestamp(microseconds: before), asOf: asOf)
    }

    /// The rows of the store's state.
    var state: [String: Int64] {
        [Self.throughKey: through, Self.beforeKey: before.microseconds, Self.asOfKey: asOf]
    }
}

extension Removal {
    /// What history a removal takes; nil if it is not by age, or finds nothing.
    func history(_ items: RemovedItems) -> AgedHistory? {
        guard case .aged(let rules) = rows, let before = rules.map(\.before).max(), let through = items.seqs.max()
        else { return nil }
        return AgedHistory(through: through, before: before, asOf: items.through)
    }
}
