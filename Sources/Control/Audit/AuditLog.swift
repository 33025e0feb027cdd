internal import Synchronization

/// Takes entries without waiting for a disk, and writes many at once.
///
/// What was read is on disk a second later; a crash in between loses it. Whatever changes something calls `flush` before it is
/// answered.
public final class AuditLog: Sendable {
    /// With so many waiting, the next write comes at once.
    static let batch = 256
    /// With so many waiting, nothing more is read: the disk has failed for long, and a read that nobody knows of must not be.
    static let most = 50_000

    /// What a call has taken to write.
    private final class Batch: Sendable {
        let entries = Mutex<[AuditEntry]>([])
    }

    private let control: ControlStore
    private let waiting = Mutex<[AuditEntry]>([])
    private let wake: AsyncStream<Void>.Continuation
    /// Says when a batch waits.
    public let batches: AsyncStream<Void>

    public init(_ control: ControlStore) {
        self.control = control
        (batches, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Whether no more can wait.
    public var isFull: Bool { waiting.withLock { $0.count >= Self.most } }

    public var isEmpty: Bool { waiting.withLock { $0.isEmpty } }

    /// Takes an entry; it is written soon.
    public func note(_ entry: AuditEntry) {
        let count = waiting.withLock { waiting in
            waiting.append(entry)
            return waiting.count
        }
        if count.isMultiple(of: Self.batch) { wake.yield() }
    }

    /// Writes what waits, and returns when it is on disk, with what another call has begun to write.
    public func flush() async throws(ControlError) {
        let taken = Batch()
        do {
            try await control.appendAudit {
                // Taken where nobody else writes, so that entries keep their order.
                let entries = self.waiting.withLock { waiting in
                    defer { waiting = [] }
                    return waiting
                }
                taken.entries.withLock { $0 = entries }
                return entries
            }
        } catch {
            // Nothing of it was written.
            let entries = taken.entries.withLock { $0 }
            waiting.withLock { $0 = entries + $0 }
            throw error
        }
    }
}
