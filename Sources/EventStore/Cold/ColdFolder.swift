internal import DuckDB
internal import Glibc

/// The folder of a project's cold files. A file has its own name only when it is whole; before, it is `new-ID.tmp`.
struct ColdFolder: Sendable {
    let path: String

    init(project: String) throws(StoreError) {
        path = project + "/cold"
        if unsafe mkdir(path, 0o700) == 0 {
            try Self.sync(project)
        } else if errno != EEXIST {
            throw Self.error("make the folder", path)
        }
    }

    static func error(_ action: String, _ path: String) -> StoreError {
        // `strerror` answers with a text of its own, copied here.
        let reason = unsafe String(cString: strerror(errno))
        return StoreError(
            .files, "cannot \(action) \(path): \(reason)", isTransient: errno == ENOSPC || errno == EDQUOT)
    }

    func path(of file: ColdFile) -> String { path + "/" + file.name }
    func temporaryPath(_ id: Int64) -> String { "\(path)/new-\(id).tmp" }

    /// Removes what the catalogue does not name: what a crash left half-made, or replaced and not removed.
    ///
    /// - Parameters:
    ///   - isNew: whether the catalogue was made just now.
    ///   - lastID: the highest number that a file can have by the catalogue.
    /// - Throws: `.files`, before anything is removed, if a file that it names is not there, or if there are files that it cannot
    ///   know: then the hot file is not the one that belongs to them.
    func tidy(keeping files: [ColdFile], isNew: Bool, lastID: Int64) throws(StoreError) {
        let kept = Set(files.map(\.name))
        let present = try names()
        if let missing = files.first(where: { !present.contains($0.name) }) {
            throw StoreError(
                .files,
                "The store's file \(path(of: missing)) is missing: the store is not complete without it. Bring it back from a backup."
            )
        }
        let unnamed = present.filter { !kept.contains($0) }
        if let foreign = unnamed.first(where: { Self.id(of: $0).map { isNew || $0 > lastID } ?? false }) {
            throw StoreError(
                .files,
                "The folder \(path) has \(foreign), which the hot file beside it cannot know: that is empty or older. Bring the "
                    + "hot file that belongs to it back; nothing was changed.")
        }
        for name in unnamed { try remove(path + "/" + name) }
    }

    /// The number of a finished file, by its name: `2026-03-t1-17.duckdb`.
    private static func id(of name: String) -> Int64? {
        guard name.hasSuffix(".duckdb") else { return nil }
        return name.dropLast(".duckdb".count).split(separator: "-").last.flatMap { Int64($0) }
    }

    func names() throws(StoreError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw Self.error("read the folder", path) }
        defer { unsafe _ = closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            // The entry is valid until the next call; its name ends in NUL.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    func has(_ file: ColdFile) -> Bool { unsafe access(path(of: file), F_OK) == 0 }

    func remove(_ path: String) throws(StoreError) {
        guard unsafe unlink(path) != 0, errno != ENOENT else { return }
        throw Self.error("remove", path)
    }

    /// Gives a finished file its name, durably.
    func publish(_ temporary: String, as name: String) throws(StoreError) -> Int64 {
        let final = path + "/" + name
        let descriptor = unsafe open(temporary, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error("open", temporary) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.error("sync", temporary) }
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { throw Self.error("look at", temporary) }
        guard unsafe rename(temporary, final) == 0 else { throw Self.error("rename", temporary) }
        try sync()
        return Int64(info.st_size)
    }

    /// Makes the names in the folder durable.
    func sync() throws(StoreError) { try Self.sync(path) }

    static func sync(_ path: String) throws(StoreError) {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw error("open the folder", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw error("sync", path) }
    }

    /// Lets the engine read a file.
    func attach(_ file: ColdFile, _ connection: Connection) throws(DuckDBError) {
        let literal = DuckDBDialect.quoted(path(of: file))
        try connection.execute("ATTACH \(literal) AS \(file.catalog) (READ_ONLY)")
    }
}
