internal import Model
internal import Synchronization

/// Who was found lately, so that the pages of one list are one search. Numbers only: whom they name, the store says.
final class MemberCache: Sendable {
    /// What was asked.
    struct Key: Hashable {
        let project: String
        /// How often rows went for good: what was found before is not told after.
        let epoch: Int64
        let asOfSeq: Int64
        /// Of the condition, which can be long.
        let digest: Hash128
    }

    private struct State {
        var found: [Key: [PersonID]] = [:]
        /// The latest used last.
        var order: [Key] = []
        var total = 0
    }

    /// The most persons of all answers that are kept: 32 MB.
    private static let mostPersons = 4_000_000
    private static let mostAnswers = 200

    private let state = Mutex(State())

    func find(_ key: Key) -> [PersonID]? {
        state.withLock { state in
            guard let found = state.found[key] else { return nil }
            state.order.removeAll { $0 == key }
            state.order.append(key)
            return found
        }
    }

    func keep(_ key: Key, _ found: [PersonID]) {
        guard found.count <= Self.mostPersons else { return }
        state.withLock { state in
            guard state.found.updateValue(found, forKey: key) == nil else { return }
            state.order.append(key)
            state.total += found.count
            while state.total > Self.mostPersons || state.order.count > Self.mostAnswers {
                let oldest = state.order.removeFirst()
                state.total -= state.found.removeValue(forKey: oldest)?.count ?? 0
            }
        }
    }
}
