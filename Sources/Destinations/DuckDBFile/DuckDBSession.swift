internal import Connectors
internal import DuckDB

/// A load's statements on a connection to a DuckDB file.
struct DuckDBSession: TableSession {
    let connection: Connection

    func run(_ sql: String) throws { try connection.execute(sql) }

    func rows(_ sql: String, _ values: [String?]) throws -> [[String?]] {
        try connection.rows(sql, values.map { DuckValue($0) }).map { row in row.map(Self.text) }
    }

    func count(_ sql: String, _ values: [String?]) throws -> Int64 {
        Int64(try connection.execute(sql, values.map { DuckValue($0) }))
    }

    func bring(_ batch: LoadBatch, into place: String, _ kind: TableKind) throws -> Int64 {
        Int64(try connection.execute(DuckDBDialect().insert(batch, into: place, isStage: kind == .stage), []))
    }

    /// Its tables have none.
    func makesIndex(_ sql: String) throws -> Bool { true }

    private static func text(_ value: DuckValue) -> String? {
        switch value {
        case .text(let text): text
        case .bool(let truth): truth ? "true" : "false"
        default: value.int.map(String.init)
        }
    }
}
