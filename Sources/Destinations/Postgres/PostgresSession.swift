internal import Connectors

/// A load's statements over one connection to PostgreSQL.
struct PostgresSession: TableSession {
    let connection: PostgresConnection

    func run(_ sql: String) throws { try connection.execute(sql) }
    func rows(_ sql: String, _ values: [String?]) throws -> [[String?]] { try connection.rows(sql, values) }
    func count(_ sql: String, _ values: [String?]) throws -> Int64 { try connection.count(sql, values) }

    /// Runs `body` in one transaction.
    func transaction<T>(_ body: (PostgresSession) throws -> T) throws -> T {
        try connection.execute("BEGIN")
        do {
            let value = try body(self)
            try connection.execute("COMMIT")
            return value
        } catch {
            // The connection ends with this anyhow; the reason is the body's.
            try? connection.execute("ROLLBACK")
            throw error
        }
    }

    func makesIndex(_ sql: String) throws -> Bool {
        // 23505: a value is there twice.
        try connection.execute(sql, unless: "23505")
    }

    func bring(_ batch: LoadBatch, into place: String, _ kind: TableKind) throws -> Int64 {
        let list = TableSQL.list(batch.columns.map(\.name))
        // Nobody sees a new table before the commit, so that its rows may be old at once, and are not written again for that.
        let freeze = kind == .new ? ", FREEZE true" : ""
        let copy = "COPY \(place) (\(list)) FROM STDIN (FORMAT csv, HEADER true\(freeze))"
        var repair = CSVRepair(batch.columns, .postgres)
        return unsafe try connection.copyIn(copy) { (put) throws(ConnectorError) in
            unsafe try FilePieces.read(batch.file) { (piece) throws(ConnectorError) in
                guard batch.mayNeedRepair else { return unsafe try put(piece) }
                unsafe try Self.send(repair.repaired(piece), put)
            }
            unsafe try Self.send(repair.rest(), put)
        }
    }

    private static func send(
        _ bytes: [UInt8], _ put: (UnsafeRawBufferPointer) throws(ConnectorError) -> Void
    ) throws(ConnectorError) {
        guard !bytes.isEmpty else { return }
        // Lent for the call.
        let done = unsafe bytes.withUnsafeBytes { piece in
            Result { () throws(ConnectorError) in unsafe try put(piece) }
        }
        try done.get()
    }
}
