internal import DuckDB
internal import EventStore

/// Finds the names that `properties.*` stands for.
enum AllProperties {
    /// The names of every property that the export's rows have (people: that was ever set), ordered by their bytes.
    ///
    /// - Throws: `.invalidSpec` if there are more than a result can have columns.
    static func names(_ query: ExportQuery, _ connection: Connection) throws -> [String] {
        let names = try query.spec.dataset == .people ? ofPeople(query, connection) : ofEvents(query, connection)
        guard names.count <= ColumnExpression.mostColumns else {
            throw ExportSpec.error(
                "properties.* stands for \(names.count) properties here, and \(ColumnExpression.mostColumns) are allowed; name those that you need"
            )
        }
        return names
    }

    private static func ofPeople(_ query: ExportQuery, _ connection: Connection) throws -> [String] {
        let statement = SQLStatement(
            "SELECT DISTINCT c.name FROM property_changes c WHERE c.seq <= \(query.spec.asOfSeq) ORDER BY c.name")
        return try connection.rows(statement.text, statement.values).compactMap { $0[0].text }
    }

    private static func ofEvents(_ query: ExportQuery, _ connection: Connection) throws -> [String] {
        let statement = SQLStatement(query.rows("e.properties"))
        let rows = try connection.query(statement.text, statement.values)
        var collector = NameCollector()
        let bits = ValidBits(columns: 1)
        while let chunk = try rows.nextChunk() {
            try Task.checkCancellation()
            let column = RawColumn(chunk, 0, bits)
            for row in 0..<chunk.rowCount where !column.isNull(row) {
                if let text = unsafe column.text(row) { unsafe collector.read(text.start, text.count) }
            }
            withExtendedLifetime((chunk, bits)) {}
            // Ids used as names could fill the memory; the answer is known already.
            if collector.count > ColumnExpression.mostColumns * 10 { break }
        }
        return collector.names
    }
}
