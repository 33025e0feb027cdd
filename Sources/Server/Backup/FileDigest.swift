internal import Crypto
internal import Glibc

/// Files read whole, by their bytes and SHA-256, and perhaps copied on the way.
struct FileDigest: Equatable {
    let bytes: Int64
    /// In hexadecimal.
    let sha256: String

    private static let block = 1 << 20
    /// After so many bytes a copy is synced, so that the disk is never told of much at once: the journal's syncs wait for it.
    private static let step = 8 << 20

    /// Reads a file.
    init(of path: String, _ progress: BackupProgress) throws(BackupError) {
        self = unsafe try Self.read(path, limit: nil, progress) { (_) throws(BackupError) in }
    }

    /// Copies a file, or its first bytes, into a new one that only its owner can read, durably.
    ///
    /// - Parameter isGentle: whether the disk gets rests.
    init(
        copying path: String, to target: String, limit: Int64? = nil, isGentle: Bool, _ progress: BackupProgress
    ) throws(BackupError) {
        let copy = try BackupFiles.create(target)
        defer { close(copy) }
        var unsynced = 0
        self = unsafe try Self.read(path, limit: limit, progress) { (bytes) throws(BackupError) in
            unsafe try BackupFiles.write(bytes, to: copy, target)
            unsynced += bytes.count
            guard unsynced >= Self.step else { return }
            unsynced = 0
            let began = SystemClock.monotonicMicroseconds()
            guard fdatasync(copy) == 0 else { throw BackupFiles.error("sync", target) }
            if isGentle { usleep(UInt32(min(50_000, SystemClock.monotonicMicroseconds() - began))) }
        }
        guard fsync(copy) == 0 else { throw BackupFiles.error("sync", target) }
    }

    init(bytes: Int64, sha256: String) {
        self.bytes = bytes
        self.sha256 = sha256
    }

    /// Calls `body` with one piece after another, and counts and hashes them.
    private static func read(
        _ path: String, limit: Int64?, _ progress: BackupProgress,
        _ body: (UnsafeRawBufferPointer) throws(BackupError) -> Void
    ) throws(BackupError) -> FileDigest {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw BackupFiles.error("open", path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: block, alignment: 16)
        defer { unsafe buffer.deallocate() }
        var hash = SHA256()
        var done: Int64 = 0
        while limit.map({ done < $0 }) ?? true {
            try progress.check()
            let wanted = Int(min(Int64(block), (limit ?? .max) - done))
            let count = unsafe Glibc.read(descriptor, buffer.baseAddress, wanted)
            if count < 0 {
                if errno == EINTR { continue }
                throw BackupFiles.error("read", path)
            }
            if count == 0 { break }
            let piece = unsafe UnsafeRawBufferPointer(rebasing: buffer[0..<count])
            unsafe hash.update(bufferPointer: piece)
            unsafe try body(piece)
            done += Int64(count)
            progress.add(bytes: count)
        }
        guard limit.map({ done == $0 }) ?? true else {
            throw BackupError(.files, "\(path) ends after \(done) bytes, and should have \(limit ?? 0)")
        }
        return FileDigest(bytes: done, sha256: hex(hash.finalize()))
    }

    /// The SHA-256 of bytes, in hexadecimal.
    static func sha256(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes)) }

    private static func hex(_ digest: SHA256.Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in digest {
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
        return String(decoding: out, as: UTF8.self)
    }
}
