public import Model
internal import Synchronization

/// All keys, in memory, so that no request waits for the database; when they were last used is written now and then.
public final class KeyRing: Sendable {
    private struct State {
        var write: [String: KeyEntry] = [:]
        var secret: [Digest256: KeyEntry] = [:]
        var used: [String: Timestamp] = [:]
        /// Readings of the database that have begun, and the latest of them that is in force.
        var begun = 0
        var inForce = 0
    }

    private let control: ControlStore
    private let state = Mutex(State())

    /// Reads the keys.
    public init(_ control: ControlStore) async throws(ControlError) {
        self.control = control
        try await reload()
    }

    /// Reads the keys again, after one was made, rotated or revoked.
    public func reload() async throws(ControlError) {
        let number = state.withLock { state in
            state.begun += 1
            return state.begun
        }
        let entries = try await control.keyEntries()
        state.withLock { state in
            // Two changes at once: the reading that began later has seen both, and may be here first.
            guard number > state.inForce else { return }
            state.inForce = number
            state.write = [:]
            state.secret = [:]
            for entry in entries where entry.key.revokedAt == nil {
                switch entry.text {
                case .clear(let text): state.write[text] = entry
                case .secret(let digest): state.secret[digest] = entry
                }
            }
        }
    }

    /// The key of that text, if it is one and has not expired at `time`.
    public func find(_ text: String, at time: Timestamp) -> AccessKey? {
        let found: KeyEntry?
        if text.hasPrefix("sk_") {
            // The table is looked up by the digest, of which timing tells nothing useful; the comparison that decides
            // reads all bytes.
            let digest = Digest256(of: Array(text.utf8))
            found = state.withLock { state in
                guard let entry = state.secret[digest], case .secret(let kept) = entry.text,
                    kept.equalsInConstantTime(digest)
                else { return nil }
                return entry
            }
        } else {
            found = state.withLock { $0.write[text] }
        }
        guard let found, found.isOpen(at: time) else { return nil }
        state.withLock { $0.used[found.key.id] = time }
        return found.key
    }

    /// Writes down when keys were used since the last call.
    public func flushUse() async throws(ControlError) {
        let used = state.withLock { state in
            defer { state.used = [:] }
            return state.used
        }
        if !used.isEmpty { try await control.noteUse(used) }
    }
}

/// A text that opens, and the key that it belongs to.
struct KeyEntry: Sendable {
    enum Text: Sendable {
        /// A write key.
        case clear(String)
        case secret(Digest256)
    }

    let key: AccessKey
    let text: Text
    /// From then on the text opens nothing, since the key has a newer one.
    let until: Timestamp?

    func isOpen(at time: Timestamp) -> Bool {
        (until.map { $0 > time } ?? true) && (key.expiresAt.map { $0 > time } ?? true)
    }
}
