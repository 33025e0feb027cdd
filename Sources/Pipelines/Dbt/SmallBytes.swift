internal import Glibc

/// Files that another program wrote.
enum SmallBytes {
    /// The bytes of a file; nil if it is not there, or larger than it may be. Blocks.
    static func read(_ path: String, atMost most: Int) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size >= 0, size <= most else { return nil }
        return bytes(descriptor, from: 0, count: size)
    }

    /// The last bytes of a file; none if it is not there. Blocks.
    static func tail(_ path: String, _ count: Int) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        let size = max(0, Int(lseek(descriptor, 0, SEEK_END)))
        return bytes(descriptor, from: max(0, size - count), count: min(size, count)) ?? []
    }

    private static func bytes(_ descriptor: Int32, from start: Int, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let at = done
            // Filled up to the count that pread answers.
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe pread(descriptor, buffer.baseAddress.map { unsafe $0 + at }, count - at, off_t(start + at))
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            done += got
        }
        return bytes
    }
}
