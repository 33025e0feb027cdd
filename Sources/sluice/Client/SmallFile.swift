import Glibc

/// Small text files, read and written whole.
enum SmallFile {
    /// The text of a file.
    static func read(_ path: String) throws -> String {
        // open is variadic in C; no pointer outlives the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // The block is filled up to the count that read answers.
            let got = unsafe block.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
            guard got > 0 else { break }
            bytes += block[..<got]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
