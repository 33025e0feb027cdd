internal import EventStore
internal import Model
internal import Synchronization

/// The forms in which names are stored, of events that came without regard to case (KISSmetrics). A form, once there, stays.
final class NameForms: Sendable {
    private static let mostKept = 10_000

    private let store: EventStore
    private let kept = Mutex<[ExactText: String]>([:])

    init(store: EventStore) { self.store = store }

    /// Those that are stored; a name that nobody has used before has its own form.
    func forms(of names: Set<ExactText>) async throws -> [ExactText: String] {
        guard !names.isEmpty else { return [:] }
        var found = kept.withLock { kept in names.reduce(into: [:]) { $0[$1] = kept[$1] } }
        let missing = names.filter { found[$0] == nil }.map(\.text)
        guard !missing.isEmpty else { return found }
        let looked = try await store.storedEventNames(of: missing)
        kept.withLock { kept in
            if kept.count + looked.count > Self.mostKept { kept = [:] }
            kept.merge(looked) { $1 }
        }
        found.merge(looked) { $1 }
        return found
    }
}
