internal import Age
internal import DuckDB
internal import EventStore
internal import Model
internal import Reports

/// One run of a report's export: the answer's numbers as rows, or the people behind one of them.
struct ReportJob {
    let job: ExportJob
    private var spec: ResolvedSpec { job.spec }

    init(job: ExportJob) { self.job = job }

    /// Makes everything; blocks.
    func run(_ connection: Connection) throws -> Manifest {
        guard let report = spec.report else { throw ExportSpec.error("\"report\" is missing") }
        let table: ReportTable
        do {
            table = try ReportTable(report, cell: spec.cell, asOf: spec.asOfSeq, now: spec.asOf, connection)
        } catch let error as QueryError {
            throw ExportError(error)
        }
        let names = ExportNames(path: job.path, exportID: job.exportID, proper: spec.fileExtension)
        var files = PartSet(names: names, isSplit: spec.partRows != nil, isDurable: job.isDurable)
        do {
            if spec.format == .parquet {
                try writeParquet(table, &files, connection)
            } else {
                try writeText(table, &files)
            }
            try Task.checkCancellation()
            let manifest = manifest(table, files)
            try files.commit(manifest)
            job.progress.finish(rows: manifest.rows)
            return manifest
        } catch {
            files.abandon()
            throw error
        }
    }

    /// Rows are few, so that they are written as the documents that they are.
    private func writeText(_ table: ReportTable, _ files: inout PartSet) throws {
        var output = FileRows(files: files, spec: spec)
        defer { files = output.files }
        var rows = table.rows[...]
        repeat {
            try output.begin()
            var out = Output(capacity: 1 << 18)
            if spec.format == .csv {
                if spec.sheet.hasByteOrderMark { out.append([0xef, 0xbb, 0xbf]) }
                out.append(ReportLines.csv(table.columns.map { .string($0.name) }, spec.sheet))
            }
            let part = rows.prefix(output.room)
            rows = rows.dropFirst(part.count)
            for row in part {
                out.append(
                    spec.format == .csv ? ReportLines.csv(row, spec.sheet) : ReportLines.json(row, table.columns))
                output.count(1)
                if out.count >= 1 << 17 {
                    var full = Output(capacity: 0)
                    swap(&full, &out)
                    out = try output.write(full)
                }
            }
            _ = try output.write(out)
            try output.end()
        } while !rows.isEmpty
    }

    /// Through a temporary table, of which the engine makes the file.
    private func writeParquet(_ table: ReportTable, _ files: inout PartSet, _ connection: Connection) throws {
        try Self.fill(table, connection)
        try EngineFile(recipients: spec.recipients).write(&files, connection) { path in
            let copy = DuckDBDialect.copyParquet(Self.filled, to: path, codec: EngineWriter.codec(spec.compression))
            let statement = SQLStatement(copy)
            return try connection.row(statement.text, statement.values)?[0].int ?? 0
        }
    }

    /// The rows of the temporary table, in their order.
    static var filled: SQLFragment { SQLFragment(stringLiteral: "SELECT * FROM \(EngineWriter.table) ORDER BY rowid") }

    /// Makes the temporary table.
    static func fill(_ table: ReportTable, _ connection: Connection) throws {
        let types = table.columns.map { $0.type.engine }
        let columns = zip(table.columns, types).map { "\(DuckDBDialect.identifier($0.name)) \($1.name)" }
        try connection.execute("CREATE OR REPLACE TEMP TABLE \(EngineWriter.table)(\(columns.joined(separator: ", ")))")
        var appender = try connection.appender(EngineWriter.table, types.map(\.type))
        for row in table.rows {
            for (i, value) in row.enumerated() { types[i].set(value, i, &appender) }
            try appender.endRow()
        }
        try appender.finish()
    }

    private func manifest(_ table: ReportTable, _ files: PartSet) -> Manifest {
        Manifest(
            exportID: job.exportID, runID: job.runID, dataset: spec.dataset, spec: spec.json,
            columns: table.columns.map { column in
                let isText =
                    column.type == .token && spec.format != .ndjson || column.type == .list && spec.format == .parquet
                return Manifest.Column(name: column.name, type: (isText ? ValueType.text : column.type).rawValue)
            },
            rows: files.parts.reduce(0) { $0 + $1.rows }, bytes: files.parts.reduce(0) { $0 + $1.bytes },
            sha256: files.totalSHA256, parts: files.parts, recipients: spec.recipients.map(\.text), seqFrom: 0,
            seqTo: spec.asOfSeq, asOfSeq: spec.asOfSeq, asOf: spec.asOf, erasureEpoch: job.erasureEpoch,
            aged: spec.aged(job.history))
    }
}

/// A type of the engine's for a column of a report.
private enum EngineType {
    case text, whole, double, truth

    var name: String {
        switch self {
        case .text: "VARCHAR"
        case .whole: "BIGINT"
        case .double: "DOUBLE"
        case .truth: "BOOLEAN"
        }
    }

    var type: ColumnType {
        switch self {
        case .text: .text
        case .whole: .int64
        case .double: .double
        case .truth: .boolean
        }
    }

    func set(_ value: JSONValue, _ column: Int, _ appender: inout Appender) {
        switch (self, value) {
        case (_, .null): appender.setNull(column)
        case (.whole, _):
            guard let number = value.intValue else { return appender.setNull(column) }
            appender.setInt64(column, number)
        case (.double, .number(let text)): appender.setDouble(column, Double(text) ?? .nan)
        case (.truth, .bool(let truth)): appender.setBool(column, truth)
        case (_, .string(let text)): appender.setText(column, text)
        default: appender.setText(column, value.text)
        }
    }
}

extension ValueType {
    fileprivate var engine: EngineType {
        switch self {
        case .bigint: .whole
        case .double: .double
        case .boolean: .truth
        default: .text
        }
    }
}
