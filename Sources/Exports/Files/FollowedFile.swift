internal import CCodecs
internal import Dispatch
internal import Glibc
internal import Synchronization

/// A file that the engine writes from its beginning to its end, hashed while it grows.
///
/// Whatever lies there is on its way to the disk by then, so that little is left to wait for when the engine is done.
///
/// Unchecked: the queue has it until `finish` or `abandon` has waited for the queue, and then their caller.
final class FollowedFile: @unchecked Sendable {
    private static let piece = 1 << 20
    /// How often is looked for more, in µs.
    private static let interval: UInt32 = 20_000

    private let path: String
    private let isDurable: Bool
    private let total: TotalDigest?
    private let queue = DispatchQueue(label: "export.follow")
    private let isOver = Atomic<Bool>(false)
    private var descriptor: Int32 = -1
    private var digest = Digest()
    private var bytes: Int64 = 0
    private var buffer: [UInt8] = []

    /// Begins to follow a file that is there and empty.
    ///
    /// - Parameter total: is updated, too.
    init(_ path: String, isDurable: Bool, total: TotalDigest?) {
        self.path = path
        self.isDurable = isDurable
        self.total = total
        queue.async {
            self.buffer = [UInt8](repeating: 0, count: Self.piece)
            while !self.isOver.load(ordering: .acquiring) {
                // An error comes again, and to somebody's ears, at the end.
                try? self.read()
                usleep(Self.interval)
            }
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Hashes the rest, and makes the file durable if it is to be. Call it when the engine is done.
    func finish() throws(ExportError) -> WrittenFile {
        stop()
        try read()
        if isDurable { try FileSystem.sync(descriptor, path) }
        guard try FileSystem.size(path) == bytes else {
            throw ExportError(.files, "\(path) was changed while it was written", isTransient: true)
        }
        return WrittenFile(sha256: digest.hex, bytes: bytes)
    }

    /// Stops following a file that will not be whole.
    func abandon() { stop() }

    private func stop() {
        isOver.store(true, ordering: .releasing)
        queue.sync {}
    }

    /// Hashes what has come.
    private func read() throws(ExportError) {
        if descriptor < 0 { descriptor = try FileSystem.openForReading(path) }
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { piece -> Int in
                // Lent for the call.
                let count = unsafe pread(descriptor, piece.baseAddress, piece.count, off_t(bytes))
                if count > 0 {
                    let read = unsafe UnsafeRawBufferPointer(rebasing: piece[..<count])
                    unsafe digest.update(read)
                    unsafe total?.digest.update(read)
                }
                return count
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileSystem.error("read", path) }
            if count == 0 { return }
            if isDurable { sluice_begin_writeback(descriptor, bytes, Int64(count)) }
            bytes += Int64(count)
        }
    }
}
