public import Model
internal import Synchronization

/// All keys, in memory, so that no request waits for the database; when they were last used is written now and then.
public final class KeyRing: Sendable {
    private struct State {
        var write: [String: AccessKey] = [:]
        var secret: [Digest256: (key: AccessKey, digest: Digest256)] = [:]
        var used: [String: Timestamp] = [:]
    }

    private let control: ControlStore
    private let state = Mutex(State())

    /// Reads the keys.
    public init(_ control: ControlStore) async throws(ControlError) {
        self.control = control
        try await reload()
    }

    /// Reads the keys again, after a project or a key was made.
    public func reload() async throws(ControlError) {
        let records = try await control.keyRecords()
        state.withLock { state in
            state.write = [:]
            state.secret = [:]
            for (key, digest) in records {
                if let text = key.writeKey { state.write[text] = key }
                if let digest { state.secret[digest] = (key, digest) }
            }
        }
    }

    /// The key of that text, if it is one and has not expired at `time`.
    public func find(_ text: String, at time: Timestamp) -> AccessKey? {
        let found: AccessKey?
        if text.hasPrefix("sk_") {
            // The table is looked up by the digest, of which timing tells nothing useful; the comparison that decides
            // reads all bytes.
            let digest = Digest256(of: Array(text.utf8))
            found = state.withLock { state in
                guard let entry = state.secret[digest], entry.digest.equalsInConstantTime(digest) else { return nil }
                return entry.key
            }
        } else {
            found = state.withLock { $0.write[text] }
        }
        guard let found, found.expiresAt.map({ $0 > time }) ?? true else { return nil }
        state.withLock { $0.used[found.id] = time }
        return found
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
