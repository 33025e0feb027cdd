internal import Collect
internal import Control
internal import Model
internal import Synchronization

/// The list as collection asks it.
struct ErasedIdentities: IdentityFilter {
    let list: SuppressedIdentities
    func contains(_ identity: Span<UInt8>) -> Bool { list.contains(identity) }
    func mark(of text: Span<UInt8>) -> Hash128 { list.mark(of: text) }
}

/// The identities that a project refuses, in memory, and who collects under which list of them.
///
/// A change is in effect when it returns: whatever was checked against an earlier list is durable by then, so that whoever
/// erases afterwards finds it.
final class Suppressions: Sendable {
    /// One request or batch between its check and its being durable.
    struct Entry: Sendable {
        /// Nil if nobody is refused: then there is nothing to do for any item.
        let list: ErasedIdentities?
        fileprivate let turn: Int
    }

    private struct State {
        var list: SuppressedIdentities
        var turn = 0
        /// How many collect under the list of this turn, and under those of earlier ones.
        var inside = 0
        var earlier: [Int: Int] = [:]
        var waiting: [(turn: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let control: ControlStore
    private let project: String
    private let state: Mutex<State>

    init(_ list: SuppressedIdentities, project: String, control: ControlStore) {
        self.control = control
        self.project = project
        state = Mutex(State(list: list))
    }

    /// How many identities are refused.
    var count: Int { state.withLock { $0.list.count } }

    /// Begins to collect: the items are to be checked by the list, and `leave` called when they are durable or given up.
    func enter() -> Entry {
        state.withLock { state in
            state.inside += 1
            return Entry(list: state.list.isEmpty ? nil : ErasedIdentities(list: state.list), turn: state.turn)
        }
    }

    func leave(_ entry: Entry) {
        let ready = state.withLock { state in
            if entry.turn == state.turn {
                state.inside -= 1
            } else {
                state.earlier[entry.turn, default: 1] -= 1
                if state.earlier[entry.turn] == 0 { state.earlier[entry.turn] = nil }
            }
            return Self.ready(&state)
        }
        for waiting in ready { waiting.resume() }
    }

    /// Refuses identities from now on: durable and in effect when it returns.
    func add(_ identities: [String]) async throws(ControlError) {
        await publish(try await control.suppress(identities, project: project))
    }

    /// Takes identities again; how many of them were refused.
    func lift(_ identities: [String]) async throws(ControlError) -> Int {
        let (lifted, left) = try await control.liftSuppressions(identities, project: project)
        await publish(left)
        return lifted
    }

    /// Collects by a list from now on, and waits for those who still collect by an earlier one.
    private func publish(_ list: SuppressedIdentities) async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                // Of two changes at the same time the later one knows both.
                if list.revision > state.list.revision {
                    state.list = list
                    if state.inside > 0 { state.earlier[state.turn] = state.inside }
                    state.inside = 0
                    state.turn += 1
                }
                state.waiting.append((state.turn, continuation))
                return Self.ready(&state)
            }
            for waiting in ready { waiting.resume() }
        }
    }

    /// Those who need not wait any longer.
    private static func ready(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        guard !state.waiting.isEmpty else { return [] }
        let first = state.earlier.keys.min() ?? .max
        let ready = state.waiting.filter { $0.turn <= first }
        state.waiting.removeAll { $0.turn <= first }
        return ready.map(\.continuation)
    }
}
