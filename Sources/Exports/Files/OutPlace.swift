internal import Glibc

/// What lies at the path that somebody names for an export's file.
public enum OutPlace: Sendable, Equatable {
    /// A file, which may be there already: its path without links, so that a link stays and the file behind it is replaced.
    case file(String)
    /// A pipe or a character device: it is written through, and nothing replaces it.
    case stream

    /// As many links as the system itself follows.
    private static let mostLinks = 40
    /// The longest path of Linux, in bytes.
    private static let longestPath = 4096

    /// Follows a path. Blocking, but for no longer than looking at a file takes.
    ///
    /// - Throws: `.invalidSpec` for what cannot be written, such as a folder; `.files` for what cannot be looked at.
    public init(_ path: String) throws(ExportError) {
        var path = path
        for _ in 0..<Self.mostLinks {
            let (folder, name) = FileSystem.split(path)
            guard !name.isEmpty, name != ".", name != ".." else { throw Self.folderError }
            if let mode = try Self.mode(path) {
                self = try Self.existing(path, mode)
                return
            }
            guard let target = try Self.target(path) else {
                let real = try Self.real(folder)
                self = .file(real == "/" ? "/" + name : real + "/" + name)
                return
            }
            path = target.hasPrefix("/") ? target : folder + "/" + target
        }
        throw ExportError(.invalidSpec, "too many links lead to one another")
    }

    private static var folderError: ExportError { ExportError(.invalidSpec, "that is a folder; name a file in it") }

    private static func existing(_ path: String, _ mode: mode_t) throws(ExportError) -> OutPlace {
        switch mode & S_IFMT {
        case S_IFREG: return .file(try real(path))
        case S_IFIFO, S_IFCHR: return .stream
        case S_IFDIR: throw folderError
        default: throw ExportError(.invalidSpec, "that is neither a file nor a pipe; name a file")
        }
    }

    /// What kind of file a path leads to; nil if it leads to none.
    fileprivate static func mode(_ path: String) throws(ExportError) -> mode_t? {
        var info = stat()
        // The struct is filled during the call.
        guard unsafe stat(path, &info) == 0 else {
            if errno == ENOENT { return nil }
            throw FileSystem.error("look at", path)
        }
        return info.st_mode
    }

    /// What a link that leads to no file says; nil if there is no link.
    private static func target(_ path: String) throws(ExportError) -> String? {
        var bytes = [CChar](repeating: 0, count: longestPath)
        // Filled up to the count that readlink answers.
        let count = unsafe readlink(path, &bytes, bytes.count)
        guard count >= 0 else {
            if errno == ENOENT || errno == EINVAL { return nil }
            throw FileSystem.error("look at", path)
        }
        return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The path without links and dots.
    fileprivate static func real(_ path: String) throws(ExportError) -> String {
        // realpath's buffer is ours to free.
        guard let resolved = unsafe realpath(path, nil) else { throw FileSystem.error("look at", path) }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}

/// The folder that somebody names for an export of many files.
public enum OutFolder {
    /// Its path without links, dots and a slash at its end. It may be there already; the folder that it is in must be.
    ///
    /// - Throws: `.invalidSpec` for what is no folder; `.files` for what cannot be looked at.
    public static func resolve(_ path: String) throws(ExportError) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        if let mode = try OutPlace.mode(path) {
            guard mode & S_IFMT == S_IFDIR else {
                throw ExportError(.invalidSpec, "that is a file; name a folder for the revisions")
            }
            let real = try OutPlace.real(path)
            guard real != "/" else { throw ExportError(.invalidSpec, "name a folder of its own for the revisions") }
            return real
        }
        let (folder, name) = FileSystem.split(path)
        let real = try OutPlace.real(folder)
        return real == "/" ? "/" + name : real + "/" + name
    }
}
