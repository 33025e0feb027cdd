internal import DuckDB
public import Model
internal import Synchronization

/// What went from a store by its age, as far as questions about the past must know of it.
public struct AgedHistory: Sendable, Equatable {
    /// The largest `seq` of it.
    public let through: Int64
    /// All of it had happened before.
    public let before: Timestamp
    /// The newest item that the store had when some went last. Values that a newer one has replaced go, so that what a person's
    /// properties are is whole as of then and later, and not as of before.
    public let asOf: Int64
    /// The store's number since some went last: what was made under a lower one may have had more.
    public let epoch: Int64

    public init(through: Int64, before: Timestamp, asOf: Int64, epoch: Int64) {
        (self.through, self.before, self.asOf, self.epoch) = (through, before, asOf, epoch)
    }

    /// With what else went, or goes.
    public func adding(_ other: AgedHistory) -> AgedHistory {
        AgedHistory(
            through: max(through, other.through), before: max(before, other.before), asOf: max(asOf, other.asOf),
            epoch: max(epoch, other.epoch))
    }
}

extension AgedHistory {
    private static let (throughKey, beforeKey, asOfKey) = ("aged_through", "aged_before", "aged_as_of")
    private static let epochKey = "aged_epoch"

    /// Nil if nothing ever went, as far as the store says.
    init?(state: [String: Int64]) {
        guard let through = state[Self.throughKey], let before = state[Self.beforeKey], let asOf = state[Self.asOfKey]
        else { return nil }
        // Without a number of its own it was before now.
        let epoch = state[Self.epochKey] ?? state["erasure_epoch"] ?? 0
        self.init(through: through, before: Timestamp(microseconds: before), asOf: asOf, epoch: epoch)
    }

    /// The rows of the store's state.
    var state: [String: Int64] {
        [
            Self.throughKey: through, Self.beforeKey: before.microseconds, Self.asOfKey: asOf, Self.epochKey: epoch,
        ]
    }

    /// Whether the store has noted all that ever went: what went before it did so was told to it by then.
    static func isWhole(_ state: [String: Int64]) -> Bool { state[epochKey] != nil }
}

extension Removal {
    /// What history a removal takes; nil if it is not by age, or finds nothing.
    func history(_ items: RemovedItems, epoch: Int64) -> AgedHistory? {
        guard case .aged(let rules) = rows, let before = rules.map(\.before).max(), let through = items.seqs.max()
        else { return nil }
        return AgedHistory(through: through, before: before, asOf: items.through, epoch: epoch)
    }
}

extension EventStore {
    /// What went by its age, as far as the store has written it down; nil if nothing ever did. Read it after `erasureEpoch`: what goes is
    /// in it before that number is raised.
    public var agedHistory: AgedHistory? { aged.withLock { $0 } }

    /// Tells a store what went by its age before it noted that by itself. Nothing where it has noted all.
    public func noteAged(_ earlier: AgedHistory) async throws(StoreError) {
        do {
            let history = try await writing { connection in
                try connection.transaction { connection -> AgedHistory? in
                    let state = try StateRows.read(connection)
                    if AgedHistory.isWhole(state) { return nil }
                    let history = AgedHistory(state: state)?.adding(earlier) ?? earlier
                    try StateRows.put(history.state, connection)
                    return history
                }
            }
            if let history { aged.withLock { $0 = history } }
        } catch {
            throw StoreError(error)
        }
    }
}

extension StoreRemoval {
    /// Whoever compares two exports sees that something went, also if the rest fails; and what history goes is written down before it does.
    func raiseEpoch(_ items: RemovedItems) async throws {
        let next = store.epoch.load(ordering: .acquiring) + 1
        let history = history(items, epoch: next)
        let numbers = ["erasure_epoch": next].merging(history?.state ?? [:]) { number, _ in number }
        try await store.writing { connection in
            try connection.transaction { connection in try StateRows.put(numbers, connection) }
        }
        // In this order: whoever sees the number sees what went.
        store.aged.withLock { $0 = history }
        store.epoch.store(next, ordering: .releasing)
    }

    /// What history the store has no more once some items have gone; what it had none of before is in it.
    func history(_ items: RemovedItems, epoch: Int64) -> AgedHistory? {
        let known = store.agedHistory
        return removal.history(items, epoch: epoch).map { known?.adding($0) ?? $0 } ?? known
    }
}
