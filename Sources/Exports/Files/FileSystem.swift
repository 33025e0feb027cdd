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

    /// A new file in a folder that has no name, so that it goes with the process; the path is for errors.
    static func createUnnamed(in folder: String, _ kind: String) throws(ExportError) -> (
        descriptor: Int32, path: String
    ) {
        let path = "\(folder)/\(kind)-\(getpid())-\(UInt64.random(in: .min ... .max)).tmp"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw error("create", path) }
        do { try remove(path) } catch {
            close(descriptor)
            throw error
        }
        return (descriptor, path)
    }

    /// Fills a buffer from a place of a file on; how many bytes there were.
    static func read(
        _ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at place: Int, _ path: String
    ) throws(ExportError) -> Int {
        var filled = 0
        while filled < buffer.count {
            // The part not yet filled, lent for the call.
            let start = unsafe buffer.baseAddress.map { unsafe $0 + filled }
            let count = unsafe pread(descriptor, start, buffer.count - filled, off_t(place + filled))
            if count < 0 {
                if errno == EINTR { continue }
                throw error("read", path)
            }
            if count == 0 { break }
            filled += count
        }
        return filled
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

/// Folders, and small files that are written whole.
extension FileSystem {
    /// Makes a folder that only its owner can enter; it may be there already.
    static func makeFolder(_ path: String) throws(ExportError) {
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw error("make the folder", path) }
    }

    /// The names in a folder.
    static func names(_ path: String) throws(ExportError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw error("read the folder", path) }
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

    /// Removes a folder of files; none there is no error.
    static func removeFolder(_ path: String) throws(ExportError) {
        guard try size(path) != nil else { return }
        for name in try names(path) { try remove(path + "/" + name) }
        guard unsafe rmdir(path) == 0 || errno == ENOENT else { throw error("remove the folder", path) }
    }

    /// Writes a file whole under a temporary name, syncs it and gives it its name.
    static func replace(_ path: String, _ bytes: [UInt8]) throws(ExportError) {
        let (folder, name) = split(path)
        let temporary = "\(folder)/.\(name).new"
        try write(bytes, to: temporary, truncating: true, at: 0)
        try move(temporary, to: path)
        try syncFolder(folder)
    }

    /// Writes bytes at a place of a file, which is made if it is not there, and syncs it.
    static func write(_ bytes: [UInt8], to path: String, truncating: Bool = false, at place: Int64) throws(ExportError)
    {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (truncating ? O_TRUNC : 0)
        let descriptor = unsafe open(path, flags, 0o600)
        guard descriptor >= 0 else { throw error("write", path) }
        defer { close(descriptor) }
        guard lseek(descriptor, off_t(place), SEEK_SET) == place else { throw error("write", path) }
        // Lent for the call.
        let written = unsafe bytes.withUnsafeBytes { bytes -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try write(bytes, to: descriptor, path) }
        }
        try written.get()
        try sync(descriptor, path)
    }
}
