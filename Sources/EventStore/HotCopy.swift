internal import DuckDB

/// A copy of the hot file, and what belongs to it.
public struct StoreCopy: Sendable, Equatable {
    /// Everything up to this `seq` is in it.
    public let appliedSeq: Int64
    /// How often people were erased before.
    public let erasureEpoch: Int64
    /// The names of the cold files that it needs beside it, in the folder `EventStore.coldFolder`.
    public let coldFiles: [String]
}

extension EventStore {
    /// The format of the files that this program writes, and the newest that it reads.
    public static var formatVersion: Int64 { Schema.version }

    /// The name of the folder of cold files, in the project's own.
    public static let coldFolder = "cold"

    /// Writes what the hot file holds at one moment into a new file, beside everything else; the cold files that the copy
    /// names stay until `body` ends.
    ///
    /// The file is complete and has no log beside it, but is not synced. Where this throws, parts of it may be there.
    ///
    /// - Parameter before: is called once nobody can be erased until `body` ends.
    public func withCopy<T: Sendable>(
        at path: String, before: () -> Void = {}, _ body: (StoreCopy) async throws -> T
    ) async throws -> T {
        // The layout was pinned before the copy begins: what the copy names is in that one or newer, and none of it goes.
        try await withExportLane { lane, _ in
            before()
            let copy = try await lane.run { connection in try HotCopy(connection: connection).write(to: path) }
            return try await body(copy)
        }
    }
}

/// Copies the tables of the hot file, each in the order of its rows, into a file of an engine of its own: where the disk of
/// that one is full or fails, it is that engine that stops, and not the store's.
struct HotCopy {
    let connection: Connection

    /// A table, and the statement that makes it.
    private struct Table {
        let name: String
        let definition: String
    }

    /// The most memory that the second engine takes; it writes rows as they come.
    private static let memoryLimit = "200MB"

    func write(to path: String) throws -> StoreCopy {
        // Outside of the transaction, which would otherwise hold on to every file that the engine has open.
        let tables = try lastingTables()
        return try connection.transaction { connection in
            let state = try StateRows.read(connection)
            let hot = try Generations.read(connection).flatMap { number in
                RowTable.allCases.map { table in
                    Table(
                        name: Layout.Source.generation(number).name(table),
                        definition: "CREATE TABLE \(table.rawValue)_\(number)(\(table.definition))")
                }
            }
            let files = try ColdCatalogue.read(connection).map(\.name)
            try fill(path, tables + hot)
            return StoreCopy(
                appliedSeq: state["applied_seq"] ?? 0, erasureEpoch: state["erasure_epoch"] ?? 0, coldFiles: files)
        }
    }

    /// All tables but those of generations, which come and go.
    private func lastingTables() throws -> [Table] {
        try connection.rows(
            """
            SELECT table_name, sql FROM duckdb_tables() WHERE database_name = current_database() AND NOT temporary
            ORDER BY table_oid
            """
        ).compactMap { row in
            guard let name = row[0].text, let definition = row[1].text else { return nil }
            let isHot = RowTable.allCases.contains { table in
                name.hasPrefix(table.rawValue + "_") && Int64(name.dropFirst(table.rawValue.utf8.count + 1)) != nil
            }
            return isHot ? nil : Table(name: name, definition: definition)
        }
    }

    private func fill(_ path: String, _ tables: [Table]) throws {
        let copy = try Database(
            path: path,
            settings: ["memory_limit": Self.memoryLimit, "threads": "1", "temp_directory": path + ".tmp"]
        ).connect()
        try copy.execute("BEGIN TRANSACTION")
        for table in tables {
            try copy.execute(table.definition)
            let rows = try connection.query("SELECT * FROM \(DuckDBDialect.identifier(table.name))")
            var appender = try copy.appender(table.name, rows.columns.map(\.type))
            while let chunk = try rows.nextChunk() {
                try Task.checkCancellation()
                try appender.append(chunk)
            }
            try appender.finish()
        }
        try copy.execute("COMMIT")
        try copy.execute("CHECKPOINT")
    }
}
