import Glibc

/// Writes the files of a project, with the folders on the way.
enum ProjectFolder {
    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    static func write(_ bytes: [UInt8], to path: String) throws {
        try makeFolders(of: path)
        // A file of before may be one that others read: it is replaced, not overwritten.
        let temporary = path + ".new"
        // open is variadic in C; no pointer outlives the call.
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
        defer { close(descriptor) }
        var done = 0
        while done < bytes.count {
            let at = done
            // The array outlives the call.
            let put = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + at }, bytes.count - at)
            }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
            done += put
        }
        guard unsafe rename(temporary, path) == 0 else { throw Failure(.failed, "\(path): \(systemReason())") }
    }

    /// Makes a link, unless something is there already.
    static func link(_ path: String, to target: String) throws {
        try makeFolders(of: path)
        guard unsafe symlink(target, path) == 0 || errno == EEXIST else {
            throw Failure(.failed, "\(path): \(systemReason())")
        }
    }

    private static func makeFolders(of path: String) throws {
        var at = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/").dropLast() {
            at += "/" + part
            guard unsafe mkdir(at, 0o755) == 0 || errno == EEXIST else {
                throw Failure(.failed, "\(at): \(systemReason())")
            }
        }
    }
}
