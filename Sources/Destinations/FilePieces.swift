internal import Connectors
internal import Crypto
internal import Glibc
internal import Threads

/// Files as destinations read and write them: piece by piece, synced, and given their name last.
enum FilePieces {
    static let size = 256 << 10

    /// Calls `body` with one piece of a batch's file after another, each lent for the call; waits for those that are not written yet.
    static func read(
        _ batch: LoadBatch, _ body: (UnsafeRawBufferPointer) throws(ConnectorError) -> Void
    ) throws(ConnectorError) {
        guard let growing = batch.growing else { return unsafe try read(batch.file, body) }
        var descriptor = unsafe open(growing.path, O_RDONLY | O_CLOEXEC)
        // It gets its name when it is whole.
        if descriptor < 0 { descriptor = unsafe open(batch.file, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw failure("open", growing.path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { unsafe buffer.deallocate() }
        var at: Int64 = 0
        while true {
            guard let there = growing.growth.more(than: at) else {
                throw ConnectorError(
                    .unreachable, "the file with the rows was not written to its end", isTransient: true)
            }
            if there <= at { return }
            // The buffer is filled up to the count that read answers.
            let count = unsafe Glibc.read(descriptor, buffer.baseAddress, min(size, Int(there - at)))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("read", growing.path) }
            unsafe try body(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
            at += Int64(count)
        }
    }

    /// Calls `body` with one piece of a file after another, each lent for the call.
    static func read(
        _ path: String, _ body: (UnsafeRawBufferPointer) throws(ConnectorError) -> Void
    ) throws(ConnectorError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { unsafe buffer.deallocate() }
        while true {
            // The buffer is filled up to the count that read answers.
            let count = unsafe Glibc.read(descriptor, buffer.baseAddress, size)
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("read", path)
            }
            if count == 0 { return }
            unsafe try body(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
        }
    }

    /// The size of a file and its SHA-256 in hexadecimal; nil if it is not there.
    static func digest(_ path: String) throws(ConnectorError) -> (bytes: Int64, sha256: String)? {
        guard unsafe access(path, F_OK) == 0 else { return nil }
        var hash = SHA256()
        var bytes: Int64 = 0
        unsafe try read(path) { (piece) throws(ConnectorError) in
            unsafe hash.update(bufferPointer: piece)
            bytes += Int64(piece.count)
        }
        let digits = Array("0123456789abcdef")
        let hex = hash.finalize().reduce(into: "") { text, byte in
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return (bytes, hex)
    }

    /// Copies a file under a temporary name, syncs it, and gives it its name.
    static func copy(_ source: String, to path: String) throws(ConnectorError) {
        unsafe try write(path) { (put) throws(ConnectorError) in
            unsafe try read(source) { (piece) throws(ConnectorError) in unsafe try put(piece) }
        }
    }

    /// Writes a small file in the same way.
    static func write(_ bytes: [UInt8], to path: String) throws(ConnectorError) {
        unsafe try write(path) { (put) throws(ConnectorError) in
            // Lent for the call.
            let done = unsafe bytes.withUnsafeBytes { piece in
                Result { () throws(ConnectorError) in unsafe try put(piece) }
            }
            try done.get()
        }
    }

    private static func write(
        _ path: String,
        _ fill: ((UnsafeRawBufferPointer) throws(ConnectorError) -> Void) throws(ConnectorError) -> Void
    ) throws(ConnectorError) {
        let (folder, name) = split(path)
        let temporary = "\(folder)/.\(name).partial"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("write", temporary) }
        defer { close(descriptor) }
        do throws(ConnectorError) {
            unsafe try fill { (piece) throws(ConnectorError) in
                var at = 0
                while at < piece.count {
                    // The part that is not yet written, lent for the call.
                    let count = unsafe Glibc.write(
                        descriptor, piece.baseAddress.map { unsafe $0 + at }, piece.count - at)
                    if count < 0 {
                        if errno == EINTR { continue }
                        throw failure("write", temporary)
                    }
                    at += count
                }
            }
            guard fsync(descriptor) == 0 else { throw failure("sync", temporary) }
            guard unsafe Glibc.rename(temporary, path) == 0 else { throw failure("rename", temporary) }
        } catch {
            _ = unsafe unlink(temporary)
            throw error
        }
        let place = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard place >= 0 else { throw failure("open the folder", folder) }
        defer { close(place) }
        guard fsync(place) == 0 else { throw failure("sync", folder) }
    }

    static func rename(_ path: String, to other: String) throws(ConnectorError) {
        guard unsafe Glibc.rename(path, other) == 0 else { throw failure("rename", path) }
    }

    /// Removes a file; nothing if it is not there.
    static func remove(_ path: String) throws(ConnectorError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    }

    /// The names in a folder; none if it is not there.
    static func names(_ path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            // The name is a C array inside the entry, which lives until the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }

    /// A failed call, in the system's own words. A full disk may have room later.
    static func failure(_ action: String, _ path: String) -> ConnectorError {
        let number = errno
        return ConnectorError(
            .refused, "cannot \(action) \(path): \(systemText(number))",
            isTransient: number == ENOSPC || number == EDQUOT || number == EIO)
    }
}

extension FilePieces {
    /// Calls `body` with pieces from an offset on, as long as it answers that it wants more.
    static func read(_ path: String, from offset: Int64, _ body: ([UInt8]) -> Bool) throws(ConnectorError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        var at = offset
        var buffer = [UInt8](repeating: 0, count: size)
        while true {
            // Filled up to the count that the call answers.
            let count = unsafe pread(descriptor, &buffer, size, off_t(at))
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("read", path)
            }
            guard count > 0, body(Array(buffer[..<count])) else { return }
            at += Int64(count)
        }
    }

    /// Makes a file without anything in it, to be appended to.
    static func begin(_ path: String) throws(ConnectorError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("write", path) }
        close(descriptor)
    }

    /// Appends to a file of a run's own, which need not outlive a crash.
    static func append(_ bytes: [UInt8], to path: String) throws(ConnectorError) {
        let descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw failure("write", path) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            // The part that is not yet written, lent for the call.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure("write", path)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// So many bytes from an offset on, which have to be there.
    static func part(_ path: String, _ offset: Int64, _ count: Int) throws(ConnectorError) -> [UInt8] {
        var all: [UInt8] = []
        all.reserveCapacity(count)
        try read(path, from: offset) { piece in
            all += piece.prefix(count - all.count)
            return all.count < count
        }
        guard all.count == count else {
            throw ConnectorError(.refused, "\(path) ended before it should", isTransient: true)
        }
        return all
    }
}
