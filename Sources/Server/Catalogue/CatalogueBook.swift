internal import EventStore
internal import Synchronization

/// A project's count of names, kept from one request to the next. It is of one erasure's epoch, and is let go at an erasure.
final class CatalogueBook: Sendable {
    private let known = Mutex<CatalogueCounts?>(nil)

    /// The count up to a `seq`, or beyond it.
    func counts(_ store: EventStore, through seq: Int64) async throws -> CatalogueCounts {
        let counted = try await store.catalogue(known.withLock { $0 }, through: seq)
        known.withLock { known in
            // Who counts at the same time may have come further.
            if known?.epoch != counted.epoch || known?.seq ?? 0 < counted.seq { known = counted }
        }
        return counted
    }

    func forget() { known.withLock { $0 = nil } }
}
