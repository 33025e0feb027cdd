internal import CPostgres
internal import Connectors
internal import Glibc

/// One connection to PostgreSQL by libpq, on one thread. Every call blocks.
@safe final class PostgresConnection {
    // Owned here alone, and finished once, in deinit.
    private let handle: OpaquePointer
    private let brake: PostgresBrake

    /// Connects.
    ///
    /// - Parameter parameters: libpq's keywords with their values.
    init(_ parameters: [(String, String)], brake: PostgresBrake) throws(ConnectorError) {
        self.brake = brake
        let connected = unsafe lend(parameters.map(\.0)) { keywords in
            unsafe lend(parameters.map(\.1)) { values in unsafe PQconnectdbParams(keywords, values, 0) }
        }
        guard let opened = unsafe connected else {
            throw ConnectorError(.unreachable, "no memory for a connection to PostgreSQL", isTransient: true)
        }
        unsafe handle = opened
        guard unsafe PQstatus(opened) == CONNECTION_OK else {
            // Whatever fails from here on, deinit finishes the handle.
            let message = unsafe PostgresFailure.plain(String(cString: PQerrorMessage(opened)))
            throw PostgresFailure.connecting(message)
        }
        // What the database remarks on belongs neither on standard error nor among the log's lines.
        unsafe PQsetNoticeProcessor(opened, { _, _ in }, nil)
        brake.watch(unsafe PQsocket(opened), unsafe CancelHandle(opened))
    }

    deinit {
        brake.watch(-1)
        unsafe PQfinish(handle)
    }

    /// Runs statements without values.
    func execute(_ sql: String) throws(ConnectorError) {
        let result = unsafe PQexec(handle, sql)
        defer { unsafe PQclear(result) }
        unsafe try check(result)
    }

    /// Runs a statement within a transaction, which goes on as if it had not been run where it fails with one SQLSTATE.
    ///
    /// - Returns: whether it did not.
    func execute(_ sql: String, unless state: String) throws(ConnectorError) -> Bool {
        try execute("SAVEPOINT sluice_attempt")
        let result = unsafe PQexec(handle, sql)
        defer { unsafe PQclear(result) }
        // A text of the result, copied before it is cleared. 67 is 'C', the state.
        let found = unsafe PQresultErrorField(result, 67).map { unsafe String(cString: $0) }
        if found == state {
            try execute("ROLLBACK TO SAVEPOINT sluice_attempt")
            return false
        }
        unsafe try check(result)
        try execute("RELEASE SAVEPOINT sluice_attempt")
        return true
    }

    /// Runs one statement, as text that holds several is refused, with values as `$1`, `$2`, …; the rows as texts.
    @discardableResult
    func rows(_ sql: String, _ values: [String?] = []) throws(ConnectorError) -> [[String?]] {
        let result = unsafe lend(values) { lent in
            unsafe PQexecParams(handle, sql, Int32(values.count), nil, lent, nil, nil, 0)
        }
        defer { unsafe PQclear(result) }
        unsafe try check(result)
        let columns = unsafe PQnfields(result)
        return (0..<(unsafe PQntuples(result))).map { row in
            (0..<columns).map { column in
                unsafe PQgetisnull(result, row, column) == 1
                    ? nil : String(cString: PQgetvalue(result, row, column))
            }
        }
    }

    /// The columns of a query, with the numbers that PostgreSQL gives to their types. One statement: text that holds several is refused.
    func columns(of sql: String) throws(ConnectorError) -> [(name: String, oid: UInt32)] {
        let result = unsafe PQexecParams(handle, sql, 0, nil, nil, nil, nil, 0)
        defer { unsafe PQclear(result) }
        unsafe try check(result)
        return (0..<(unsafe PQnfields(result))).map { column in
            // A text of the result, copied before it is cleared.
            unsafe (String(cString: PQfname(result, column)), PQftype(result, column))
        }
    }

    /// Runs one statement; how many rows it was about.
    func count(_ sql: String, _ values: [String?] = []) throws(ConnectorError) -> Int64 {
        let result = unsafe lend(values) { lent in
            unsafe PQexecParams(handle, sql, Int32(values.count), nil, lent, nil, nil, 0)
        }
        defer { unsafe PQclear(result) }
        unsafe try check(result)
        return unsafe Int64(String(cString: PQcmdTuples(result))) ?? 0
    }

    /// Runs a `COPY … FROM STDIN` and lets `feed` send the bytes; how many rows came.
    func copyIn(
        _ sql: String,
        feed: ((UnsafeRawBufferPointer) throws(ConnectorError) -> Void) throws(ConnectorError) -> Void
    ) throws(ConnectorError) -> Int64 {
        let begun = unsafe PQexec(handle, sql)
        let status = unsafe PQresultStatus(begun)
        if status != PGRES_COPY_IN {
            defer { unsafe PQclear(begun) }
            unsafe try check(begun)
            throw ConnectorError(.refused, "PostgreSQL takes no rows here")
        }
        unsafe PQclear(begun)
        do throws(ConnectorError) {
            unsafe try feed { (piece) throws(ConnectorError) in
                guard !brake.isPulled else {
                    throw ConnectorError(.unreachable, "the load was cut off", isTransient: true)
                }
                // The piece is copied or sent during the call.
                let bytes = unsafe piece.bindMemory(to: CChar.self)
                guard unsafe PQputCopyData(handle, bytes.baseAddress, Int32(bytes.count)) == 1 else { throw failure() }
            }
        } catch {
            // The server drops what came; its answer adds nothing to the reason.
            _ = unsafe PQputCopyEnd(handle, "cut off")
            while let rest = unsafe PQgetResult(handle) { unsafe PQclear(rest) }
            throw error
        }
        guard unsafe PQputCopyEnd(handle, nil) == 1 else { throw failure() }
        var rows: Int64 = 0
        var reason: ConnectorError?
        while let result = unsafe PQgetResult(handle) {
            do throws(ConnectorError) {
                unsafe try check(result)
                rows = unsafe Int64(String(cString: PQcmdTuples(result))) ?? rows
            } catch { reason = error }
            unsafe PQclear(result)
        }
        if let reason { throw reason }
        return rows
    }

    private func check(_ result: OpaquePointer?) throws(ConnectorError) {
        switch unsafe PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return
        default:
            guard let result = unsafe result else { throw failure() }
            // Texts of the result, copied before it is cleared. 67 is 'C', the state; 77 'M', the message.
            let state = unsafe PQresultErrorField(result, 67).map { unsafe String(cString: $0) }
            let primary = unsafe PQresultErrorField(result, 77).map { unsafe String(cString: $0) }
            guard let state, let primary else { throw failure() }
            throw PostgresFailure.statement(state: state, primary)
        }
    }

    private func failure() -> ConnectorError {
        ConnectorError(
            .unreachable,
            "the connection to PostgreSQL broke: "
                + PostgresFailure.plain(unsafe String(cString: PQerrorMessage(handle))), isTransient: true)
    }
}

/// Lends texts as a C call takes them, with a null at their end.
private func lend<T>(_ texts: [String?], _ body: ([UnsafePointer<CChar>?]) -> T) -> T {
    let copies: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { text in
        if let text { unsafe strdup(text) } else { nil }
    }
    // Copies of our own, which live until the call is over.
    defer { unsafe copies.forEach { unsafe free($0) } }
    return unsafe body(copies.map { copy in unsafe copy.map { unsafe UnsafePointer($0) } } + [nil])
}
