import Glibc
import Synchronization

/// Writes to standard output or another pipe, whose reader may be slow or stop reading for good: a cancelled task gives up.
enum PipeWriter {
    /// A write of that many bytes to a pipe that is ready does not block (PIPE_BUF).
    private static let atomicBytes = 4096
    /// How often a writer that waits looks whether it was cancelled.
    private static let patience: Int32 = 100

    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }

    /// Writes all bytes, off Swift's shared pool.
    ///
    /// - Throws: `CancellationError`; `Failure` if the reader is gone.
    static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) async throws {
        let cancelled = Flag()
        try await withTaskCancellationHandler {
            try await OffPool.run {
                var at = 0
                while at < bytes.count {
                    guard !cancelled.isSet.load(ordering: .relaxed) else { throw CancellationError() }
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    // poll reads and fills the one struct that it is given.
                    guard unsafe poll(&ready, 1, patience) != 0 else { continue }
                    let end = min(at + atomicBytes, bytes.count)
                    try Terminal.write(Array(bytes[at..<end]), to: descriptor)
                    at = end
                }
            }
        } onCancel: {
            cancelled.isSet.store(true, ordering: .relaxed)
        }
    }
}
