internal import Glibc

/// Small files that only their owner reads, replaced as a whole.
enum PrivateFile {
    /// Writes a file, durably: after a crash it is there as it was or as it is now. Blocks.
    static func write(_ bytes: [UInt8], to path: String) throws(ServerError) {
        let temporary = path + ".tmp"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("write", temporary) }
        defer { close(descriptor) }
        // What it holds is private; after the rename there is no such name.
        defer { unsafe unlink(temporary) }
        var at = 0
        while at < bytes.count {
            // The array lends its memory for the call.
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: at), buffer.count - at)
            }
            guard written > 0 else { throw failure("write", temporary) }
            at += written
        }
        guard fsync(descriptor) == 0 else { throw failure("sync", temporary) }
        guard unsafe rename(temporary, path) == 0 else { throw failure("rename", temporary) }
        try syncFolder(of: path)
    }

    /// The file's bytes; nil if it is not there. Blocks.
    static func read(_ path: String) throws(ServerError) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("read", path)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw failure("read", path) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }

    /// Removes a file, durably; nothing if it is not there. Blocks.
    static func remove(_ path: String) throws(ServerError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
        try syncFolder(of: path)
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    private static func syncFolder(of path: String) throws(ServerError) {
        let folder = FilePlace(path: path).folder
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open the folder", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync", folder) }
    }

    private static func failure(_ action: String, _ path: String) -> ServerError {
        let reason = errno
        return ServerError(.io, "cannot \(action) \(path): \(errorText(reason))")
    }
}
