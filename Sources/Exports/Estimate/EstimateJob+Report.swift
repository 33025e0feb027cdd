internal import DuckDB
internal import EventStore
internal import Model
internal import Reports

extension EstimateJob {
    /// What a report's export comes to: its rows are few and come together, so that it is answered and encoded whole.
    func report(_ connection: Connection) throws -> ExportEstimate {
        guard let report = spec.report else { throw ExportSpec.error("\"report\" is missing") }
        let start = ContinuousClock.now
        let table: ReportTable
        do {
            table = try ReportTable(report, cell: spec.cell, asOf: spec.asOfSeq, now: spec.asOf, connection)
        } catch let error as QueryError {
            throw ExportError(error)
        }
        let rows = Int64(table.rows.count)
        let files = parts(rows)
        let bytes: Int64
        if spec.format == .parquet {
            try ReportJob.fill(table, connection)
            bytes = try SampleWriter.file(of: ReportJob.filled, spec.compression, connection)
                .bytes(rows: rows, parts: files)
        } else {
            bytes = try text(of: table)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return ExportEstimate(
            rows: rows, bytes: try sealed(bytes, parts: files), isExact: true, sampledRows: rows,
            searchSeconds: seconds)
    }

    /// The bytes of all files, as they are written.
    private func text(of table: ReportTable) throws -> Int64 {
        var bytes: Int64 = 0
        var rows = table.rows[...]
        repeat {
            var counter = try ByteCounter(spec.compression)
            var out = Output(capacity: 1 << 18)
            if spec.format == .csv {
                if spec.sheet.hasByteOrderMark { out.append([0xef, 0xbb, 0xbf]) }
                out.append(ReportLines.csv(table.columns.map { .string($0.name) }, spec.sheet))
            }
            let part = rows.prefix(spec.partRows ?? rows.count)
            rows = rows.dropFirst(part.count)
            for row in part {
                out.append(
                    spec.format == .csv ? ReportLines.csv(row, spec.sheet) : ReportLines.json(row, table.columns))
                if out.count >= 1 << 17 { try counter.take(&out) }
            }
            try counter.take(&out)
            bytes += try counter.finish()
        } while !rows.isEmpty
        return bytes
    }
}
