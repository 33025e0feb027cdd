import DuckDB

/// Whether the engine's library is there, is the right one, and works.
enum EngineCheck {
    /// The version that the files of the store are written by.
    private static let wanted = "v1.5.5"

    static func run() -> Check {
        let version = Database.libraryVersion
        do {
            let connection = try Database(path: nil, settings: [:]).connect()
            guard try connection.rows("SELECT 6 * 7") == [[.int(42)]] else {
                return Check("library", .failed, "DuckDB \(version) cannot count; run scripts/get-duckdb again")
            }
        } catch {
            return Check("library", .failed, "DuckDB \(version) does not work: \(error)")
        }
        guard version == wanted else {
            return Check("library", .warning, "DuckDB is \(version); Sluice is tested with \(wanted)")
        }
        return Check("library", .ok, "DuckDB \(version)")
    }
}
