internal import Model
internal import Synchronization

/// KISSmetrics calls with a key that nobody has: counted, the latest kept, never stored. The sender hears nothing, so
/// this is where an operator sees a wrong key in a page.
final class UnknownKeys: Sendable {
    /// One such call.
    struct Call: Sendable, Equatable {
        let at: Timestamp
        /// The key as sent, at most 64 characters of it; empty if there was none. A secret key may be right and only lack
        /// the scope to collect, so of what looks like one only the end is kept.
        let key: String
        let path: String
    }

    /// The most calls that are kept.
    static let capacity = 1_000

    private struct State {
        var count: Int64 = 0
        var ring: [Call] = []
        var next = 0
    }

    private let state = Mutex(State())

    func note(_ key: String?, path: String, at time: Timestamp) {
        let call = Call(at: time, key: Self.shown(key ?? ""), path: path)
        state.withLock { state in
            state.count += 1
            if state.ring.count < Self.capacity {
                state.ring.append(call)
            } else {
                state.ring[state.next] = call
            }
            state.next = (state.next + 1) % Self.capacity
        }
    }

    /// What is kept of a key: enough to find the page that has it.
    private static func shown(_ key: String) -> String {
        let secret = "sk_"
        guard key.hasPrefix(secret) else { return String(key.prefix(64)) }
        return "\(secret)…\(key.dropFirst(secret.count).suffix(4))"
    }

    /// Calls since the start.
    var count: Int64 { state.withLock { $0.count } }

    /// The latest calls, newest first.
    func latest(_ limit: Int) -> [Call] {
        state.withLock { state in
            let ordered =
                state.ring.count < Self.capacity
                ? state.ring[...] : state.ring[state.next...] + state.ring[..<state.next]
            return Array(ordered.suffix(limit).reversed())
        }
    }
}
