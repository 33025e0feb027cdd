internal import Connectors

/// Rows that are found by their key.
extension TableLoad {
    func upsert(_ session: some TableSession, isNew: Bool, _ changes: inout [String]) throws -> Brought {
        guard let question = sql.dialect.hasUniqueIndex(sql, batch.key) else {
            return try merge(session)
        }
        let made = "a unique index on \(TableSQL.list(batch.key)) of \(sql.target) was made"
        if isNew {
            for statement in sql.dialect.manyRows { try session.run(statement) }
            changes.append(made)
            if let rows = try fill(session) { return Brought(rows: rows, sql: sql, areAll: true) }
        } else if try session.rows(question, []).isEmpty {
            changes.append(made)
        } else {
            return try merge(session)
        }
        if !isNew { try pass() }
        try session.run(sql.dialect.makeUniqueIndex(sql, batch.key))
        return try merge(session)
    }

    /// Brings the rows into a table that was just made, and makes its index after them, which takes half the time of a stage.
    ///
    /// - Returns: how many there are; nil, with an empty table, if a key comes twice.
    private func fill(_ session: some TableSession) throws -> Int64? {
        let rows = try session.bring(batch, into: sql.target, .new)
        let keyless = try session.count(sql.removeKeyless(batch.key), [])
        if try session.makesIndex(sql.dialect.makeUniqueIndex(sql, batch.key)) { return rows - keyless }
        try session.run(sql.truncate)
        return nil
    }

    private func merge(_ session: some TableSession) throws -> Brought {
        let staged = try stage(session)
        try pass()
        let rows = try session.count(staged.upsert(batch.columns.map(\.name), key: batch.key), [])
        return Brought(rows: rows, sql: staged)
    }

    /// Brings the rows into the stage.
    ///
    /// - Returns: the words for what is there.
    func stage(_ session: some TableSession) throws -> TableSQL {
        let names = batch.columns.map(\.name)
        for statement in sql.dialect.manyRows + sql.dialect.makeStage(like: sql.target, names) {
            try session.run(statement)
        }
        _ = try session.bring(batch, into: sql.stage, .stage)
        guard let index = sql.dialect.indexStage(batch.key) else { return sql }
        if try !session.makesIndex(index) {
            _ = try session.count(sql.removeRepeated(batch.key), [])
            try session.run(index)
        }
        var staged = sql
        staged.hasKeysOnce = true
        return staged
    }
}
