internal import Glibc

/// Folders.
enum Folder {
    /// Makes a folder that only its owner can enter; it may be there already. Its parent must be.
    static func make(_ path: String) throws(ServerError) {
        if unsafe mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        let reason = errno
        throw ServerError(.io, "cannot make the folder \(path): \(errorText(reason))")
    }

    /// Removes a folder with everything in it; nothing if it is not there.
    static func remove(_ path: String) {
        for name in names(path) where unsafe unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        _ = unsafe rmdir(path)
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
}
