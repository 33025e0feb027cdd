import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A file, or standard input, read in blocks off Swift's shared pool.
final class FileSource: Sendable {
    private static let blockBytes = 256 << 10

    /// The file as the user named it.
    let name: String
    /// Its size; nil for a pipe.
    let size: Int64?
    private let descriptor: Int32
    private let position = Mutex<Int64>(0)

    /// Bytes handed out so far.
    var bytesRead: Int64 { position.withLock { $0 } }

    /// Opens a file; `-` is standard input.
    init(_ path: String) throws {
        if path == "-" {
            name = "standard input"
            size = nil
            descriptor = STDIN_FILENO
            return
        }
        name = path
        // open is variadic in C; no pointer outlives the call.
        let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
        // A folder can be opened, but not read.
        var byte: UInt8 = 0
        guard unsafe pread(opened, &byte, 1, 0) >= 0 || errno != EISDIR else {
            close(opened)
            throw Failure(.failed, "\(path): it is a folder; name the files in it")
        }
        // A pipe has no end to go to, and so no size.
        let end = lseek(opened, 0, SEEK_END)
        size = end >= 0 ? Int64(end) : nil
        if end >= 0 { lseek(opened, 0, SEEK_SET) }
        descriptor = opened
    }

    deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

    /// The next block; nil at the end.
    func read() async throws -> ByteBuffer? {
        // A pipe may block for as long as it likes: NIO's pool is made for that.
        let block = try await NIOThreadPool.singleton.runIfActive { [descriptor, name] in
            let bytes = try Self.readBlock(descriptor, name)
            return ByteBuffer(bytes: bytes)
        }
        position.withLock { $0 += Int64(block.readableBytes) }
        return block.readableBytes == 0 ? nil : block
    }

    private static func readBlock(_ descriptor: Int32, _ name: String) throws -> [UInt8] {
        while true {
            var failure: Int32 = 0
            // The buffer is filled up to the count that read answers.
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: blockBytes) { buffer, count in
                let got = unsafe Glibc.read(descriptor, buffer.baseAddress, blockBytes)
                failure = got < 0 ? errno : 0
                count = max(got, 0)
            }
            if failure == EINTR { continue }
            guard failure == 0 else { throw Failure(.failed, "\(name): cannot be read: \(systemReason(failure))") }
            return bytes
        }
    }
}

/// A source's blocks in order, as a request's body.
struct FileBlocks: AsyncSequence, Sendable {
    let first: ByteBuffer?
    let source: FileSource

    struct Iterator: AsyncIteratorProtocol {
        var first: ByteBuffer?
        let source: FileSource

        mutating func next() async throws -> ByteBuffer? {
            if let block = first {
                first = nil
                return block
            }
            return try await source.read()
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(first: first, source: source) }
}
