internal import DuckDB
internal import Glibc

/// The hot file written anew without the rows that go: what is deleted in place stays readable in the file.
enum HotFile {
    static func newPath(_ path: String) -> String { path + ".new" }

    /// Removes what a crash left: a copy that did not take the file's place.
    static func tidy(_ path: String) throws(StoreError) {
        for name in [newPath(path), newPath(path) + ".wal"] { try remove(name) }
    }

    /// Copies every table of the hot file, in the order of its rows.
    ///
    /// - Parameters:
    ///   - generations: those that the layout names; others are not copied.
    ///   - goes: what holds of the rows of a table that are left out.
    static func copy(
        _ path: String, generations: [Int64], _ connection: Connection, without goes: (_ table: String) -> String?
    ) throws {
        let new = newPath(path)
        try remove(new)
        try remove(new + ".wal")
        let numbers = Set(generations.map(String.init))
        let tables = try connection.rows(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT temporary "
                + "ORDER BY table_oid"
        ).compactMap { $0[0].text }
        try connection.execute("ATTACH \(DuckDBDialect.quoted(new)) AS fresh")
        do {
            try connection.transaction { connection in
                for table in tables {
                    let kind = RowTable.allCases.first { table.hasPrefix($0.rawValue + "_") }
                    if let kind, !numbers.contains(String(table.dropFirst(kind.rawValue.count + 1))) { continue }
                    let kept = goes(kind?.rawValue ?? table).map { " WHERE NOT (\($0))" } ?? ""
                    let name = DuckDBDialect.identifier(table)
                    try connection.execute("CREATE TABLE fresh.\(name) AS SELECT * FROM \(name)\(kept)")
                }
            }
            try connection.execute(Schema.identityIndex(in: "fresh."))
            try connection.execute("CHECKPOINT fresh")
        } catch {
            try? connection.execute("DETACH fresh")
            try? remove(new)
            try? remove(new + ".wal")
            throw error
        }
        try connection.execute("DETACH fresh")
    }

    /// Puts the copy in the file's place, durably. The file is closed and has no log.
    static func replace(_ path: String) throws(StoreError) {
        // A checkpoint came last, so that a log has nothing in it; with the new file it would have no meaning.
        try remove(path + ".wal")
        let new = newPath(path)
        let descriptor = unsafe open(new, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ColdFolder.error("open", new) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw ColdFolder.error("sync", new) }
        guard unsafe rename(new, path) == 0 else { throw ColdFolder.error("rename", new) }
        let slash = path.lastIndex(of: "/")
        try ColdFolder.sync(slash.map { String(path[..<$0]) } ?? ".")
    }

    private static func remove(_ path: String) throws(StoreError) {
        guard unsafe unlink(path) != 0, errno != ENOENT else { return }
        throw ColdFolder.error("remove", path)
    }
}
