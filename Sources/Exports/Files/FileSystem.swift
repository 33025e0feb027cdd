internal import Glibc

/// The few calls on files that exports need; each says which file and why on failure.
enum FileSystem {
    /// A failed call's error, in the system's own words.
    static func error(_ action: String, _ path: String) -> ExportError {
        let code = errno
        // `strerror` answers with a text of its own, copied here.
        let reason = unsafe String(cString: strerror(code))
        return ExportError(.files, "cannot \(action) \(path): \(reason)", isTransient: code == ENOSPC || code == EDQUOT)
    }

    /// A new, empty file for writing; what was there is gone.
    static func create(_ path: String) throws(ExportError) -> Int32 {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw error("create", path) }
        return descriptor
    }

    static func openForReading(_ path: String) throws(ExportError) -> Int32 {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("open", path) }
        return descriptor
    }

    /// Writes all bytes.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws(ExportError) {
        var at = 0
        while at < bytes.count {
            // The part not yet written, lent for the call.
            let count = unsafe Glibc.write(descriptor, bytes.baseAddress.map { unsafe $0 + at }, bytes.count - at)
            if count < 0 {
                if errno == EINTR { continue }
                throw error("write", path)
            }
            at += count
        }
    }

    /// Calls `body` with one piece of the file after another.
    static func read(_ path: String, _ body: (UnsafeRawBufferPointer) throws(ExportError) -> Void) throws(ExportError) {
        let descriptor = try openForReading(path)
        defer { close(descriptor) }
        let size = 1 << 20
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { unsafe buffer.deallocate() }
        while true {
            let count = unsafe Glibc.read(descriptor, buffer.baseAddress, size)
            if count < 0 {
                if errno == EINTR { continue }
                throw error("read", path)
            }
            if count == 0 { return }
            unsafe try body(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
        }
    }

    /// The whole of a small file.
    static func contents(_ path: String, limit: Int = 64 << 20) throws(ExportError) -> [UInt8] {
        var all: [UInt8] = []
        unsafe try read(path) { (bytes) throws(ExportError) in
            unsafe all.append(contentsOf: bytes)
            guard all.count <= limit else { throw ExportError(.files, "\(path) is larger than \(limit) bytes") }
        }
        return all
    }

    static func sync(_ descriptor: Int32, _ path: String) throws(ExportError) {
        guard fsync(descriptor) == 0 else { throw error("sync", path) }
    }

    /// Makes names in a folder durable.
    static func syncFolder(_ path: String) throws(ExportError) {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("open the folder", path) }
        defer { close(descriptor) }
        try sync(descriptor, path)
    }

    static func move(_ path: String, to target: String) throws(ExportError) {
        guard unsafe rename(path, target) == 0 else { throw error("rename", path) }
    }

    /// Removes a file; none there is no error.
    static func remove(_ path: String) throws(ExportError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw error("remove", path) }
    }

    static func size(_ path: String) throws(ExportError) -> Int64? {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else {
            if errno == ENOENT { return nil }
            throw error("look at", path)
        }
        return Int64(info.st_size)
    }

    /// The folder of a path, and its last part.
    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }
}
