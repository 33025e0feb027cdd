internal import Connectors

/// A load's statements over one connection to PostgreSQL.
struct PostgresSession: TableSession {
    let connection: PostgresConnection
    /// Whether rows may be sent in PostgreSQL's own form.
    private var sendsBinary = true

    init(connection: PostgresConnection) { self.connection = connection }

    func run(_ sql: String) throws { try connection.execute(sql) }
    func rows(_ sql: String, _ values: [String?]) throws -> [[String?]] { try connection.rows(sql, values) }
    func count(_ sql: String, _ values: [String?]) throws -> Int64 { try connection.count(sql, values) }

    /// Runs `body` in one transaction; where a row turns out to be written in an unusual way, anew in another one, in which PostgreSQL
    /// reads all of them.
    func transaction<T>(_ body: (PostgresSession) throws -> T) throws -> T {
        do { return try attempt(body) } catch is UnusualRow {
            var other = self
            other.sendsBinary = false
            return try other.attempt(body)
        }
    }

    private func attempt<T>(_ body: (PostgresSession) throws -> T) throws -> T {
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
        if sendsBinary, let binary = try binary(batch, "SELECT \(list) FROM \(place) LIMIT 0") {
            do {
                return try send(batch, by: "COPY \(place) (\(list)) FROM STDIN (FORMAT binary\(freeze))", binary)
            } catch  where binary.isUnusual { throw UnusualRow() }
        }
        return try send(batch, by: "COPY \(place) (\(list)) FROM STDIN (FORMAT csv, HEADER true\(freeze))")
    }

    private func send(_ batch: LoadBatch, by copy: String) throws -> Int64 {
        unsafe try connection.copyIn(copy) { (put) throws(ConnectorError) in unsafe try Self.read(batch, put) }
    }

    private func send(_ batch: LoadBatch, by copy: String, _ rows: BinaryRows) throws -> Int64 {
        unsafe try connection.copyIn(copy) { (put) throws(ConnectorError) in
            unsafe try Self.read(batch) { (piece) throws(ConnectorError) in unsafe try put(rows.taking(piece)) }
            unsafe try put(rows.rest())
        }
    }

    /// What writes a batch's rows in PostgreSQL's own form; nil where the columns that they go to need not have the types that they come with.
    private func binary(_ batch: LoadBatch, _ columns: String) throws -> BinaryRows? {
        guard batch.format == "csv" else { return nil }
        return BinaryRows(batch.columns, into: try connection.columns(of: columns).map(\.oid))
    }

    /// Gives the bytes of a batch's file, as a table has a place for them.
    private static func read(
        _ batch: LoadBatch, _ put: (UnsafeRawBufferPointer) throws(ConnectorError) -> Void
    ) throws(ConnectorError) {
        var repair = CSVRepair(batch.columns, .postgres)
        unsafe try FilePieces.read(batch) { (piece) throws(ConnectorError) in
            guard batch.mayNeedRepair else { return unsafe try put(piece) }
            unsafe try send(repair.repaired(piece), put)
        }
        unsafe try send(repair.rest(), put)
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
