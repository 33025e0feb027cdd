import Crypto
import Glibc

/// A file that appears whole or not at all: written under a temporary name, synced, then renamed.
actor NewFile {
    private let path: String
    private let temporary: String
    private let descriptor: Int32
    private var hash = SHA256()
    /// The bytes written so far.
    private(set) var bytes: Int64 = 0
    private var isCommitted = false

    /// - Parameter mode: who may read it; for what names persons, its owner alone (0600).
    init(_ path: String, mode: mode_t = 0o644) throws {
        self.path = path
        temporary = path + ".partial-\(getpid())"
        // open is variadic in C; no pointer outlives the call.
        descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
    }

    deinit {
        close(descriptor)
        // What was not finished must not stay.
        if !isCommitted { unsafe unlink(temporary) }
    }

    /// Appends bytes.
    func write(_ block: [UInt8]) async throws {
        hash.update(data: block)
        bytes += Int64(block.count)
        try await OffPool.run { [descriptor] in try Terminal.write(block, to: descriptor) }
    }

    /// The hash of what was written, in hex.
    func sha256() -> String {
        hash.finalize().map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }

    /// Syncs the file and gives it its name.
    func commit() async throws {
        try await OffPool.run { [descriptor, path, temporary] in
            guard fsync(descriptor) == 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
            guard unsafe rename(temporary, path) == 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
        }
        isCommitted = true
    }
}
