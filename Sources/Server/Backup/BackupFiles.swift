internal import Glibc

/// What the system says of a file.
struct FileFacts: Equatable {
    let inode: Int64
    let bytes: Int64
    /// Nanoseconds since 1970.
    let modified: Int64
    let isFile: Bool
    let isFolder: Bool

    init(_ info: stat) {
        inode = Int64(bitPattern: UInt64(info.st_ino))
        bytes = Int64(info.st_size)
        modified = Int64(info.st_mtim.tv_sec) * 1_000_000_000 + Int64(info.st_mtim.tv_nsec)
        isFile = info.st_mode & S_IFMT == S_IFREG
        isFolder = info.st_mode & S_IFMT == S_IFDIR
    }
}

/// Calls on files that say which file and why on failure. All block.
enum BackupFiles {
    /// A failed call's error, in the system's own words.
    static func error(_ action: String, _ path: String) -> BackupError {
        let number = errno
        let advice = number == ENOSPC || number == EDQUOT ? "; make room there and try again" : ""
        return BackupError(.files, "cannot \(action) \(path): \(errorText(number))\(advice)")
    }

    /// A path without slashes at its end.
    static func trimmed(_ path: String) -> String {
        var path = Substring(path)
        while path.utf8.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        return String(path)
    }

    /// What is at a path, without following a link; nil if nothing is.
    static func facts(_ path: String) throws(BackupError) -> FileFacts? {
        var info = stat()
        // The call fills the structure that it is lent.
        guard unsafe lstat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw error("look at", path)
        }
        return FileFacts(info)
    }

    /// The path without links and dots; nil if nothing is there.
    static func realPath(_ path: String) -> String? {
        // realpath's buffer is ours to free.
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// What came of giving a file a second name.
    enum Link {
        case linked
        /// The file is not there.
        case gone
        /// Only a copy will do: it is on another disk, or has too many names.
        case elsewhere
    }

    /// Gives a file a second name.
    static func link(_ source: String, to target: String) throws(BackupError) -> Link {
        if unsafe Glibc.link(source, target) == 0 { return .linked }
        switch errno {
        case ENOENT: return .gone
        case EXDEV, EPERM, EMLINK, EOPNOTSUPP, ENOSYS: return .elsewhere
        default: throw error("link \(source) to", target)
        }
    }

    /// Whether nothing is at a path.
    static func isGone(_ path: String) -> Bool { unsafe access(path, F_OK) != 0 && errno == ENOENT }

    /// Makes a folder that only its owner can enter; it may be there already.
    static func makeFolder(_ path: String) throws(BackupError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw error("make the folder", path) }
    }

    /// The names in a folder, in order.
    static func names(_ path: String) throws(BackupError) -> [String] {
        guard let facts = try facts(path), facts.isFolder else {
            throw BackupError(.files, "\(path) is no folder")
        }
        guard unsafe access(path, R_OK | X_OK) == 0 else { throw error("read the folder", path) }
        return Folder.names(path).sorted()
    }

    static func move(_ path: String, to target: String) throws(BackupError) {
        guard unsafe rename(path, target) == 0 else { throw error("rename to \(target) the file", path) }
    }

    /// Makes a file's bytes, or the names in a folder, durable.
    static func sync(_ path: String) throws(BackupError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw error("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw error("sync", path) }
    }

    /// A new file with these bytes, durable.
    static func write(_ bytes: [UInt8], to path: String) throws(BackupError) {
        let descriptor = try create(path)
        defer { close(descriptor) }
        let written = unsafe bytes.withUnsafeBytes { bytes in
            Result { () throws(BackupError) in unsafe try write(bytes, to: descriptor, path) }
        }
        try written.get()
        guard fsync(descriptor) == 0 else { throw error("sync", path) }
    }

    /// The whole of a file that is not large.
    static func contents(_ path: String) throws(BackupError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw error("open", path) }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while all.count < 256 << 20 {
            // The block is filled up to the count that read answers.
            let count = unsafe block.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw error("read", path)
            }
            if count == 0 { break }
            all += block[..<count]
        }
        return all
    }

    static func create(_ path: String) throws(BackupError) -> Int32 {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw error("create", path) }
        return descriptor
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws(BackupError) {
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
}
