internal import Connectors
internal import Model

extension SheetsDestination {
    /// Puts rows in the place of all that are in the sheet: they are gathered in a sheet beside it, and moved in one change. What refers to the
    /// sheet, and how its cells look, stays.
    func replace(
        _ batch: LoadBatch, _ sheets: [SheetsClient.Sheet]
    ) async throws(ConnectorError) -> LoadReceipt {
        // What is missing is made; columns that are there already may be others now.
        var open = batch
        if !batch.evolves, sheets.contains(where: { $0.title == sheet }) {
            let header = try await client.values(sheet, "1:1").first ?? []
            let known = Set(header.map { $0.stringValue ?? $0.text })
            let missing = batch.columns.map(\.name).filter { !known.contains($0) }
            guard missing.isEmpty || known.isEmpty else {
                throw ConnectorError(
                    .refused,
                    "the sheet \(sheet) has no column \(missing.map { "\"\($0)\"" }.joined(separator: ", ")), and \"schema: freeze\" lets none be added"
                )
            }
        }
        open.evolves = true
        var (_, changes) = try await prepare(open, sheets)
        let (staging, rows, cut) = try await gather(batch)
        let ids = try await ids()
        let now = try await client.sheets()
        guard let target = now.first(where: { $0.id == ids.sheet }) else {
            throw ConnectorError(.unreachable, "the sheet \(sheet) is gone", isTransient: true)
        }
        let columns = Int64(batch.columns.count)
        try await client.change([
            SheetsClient.size(
                target.id, rows: max(target.rows, rows + 1), columns: max(target.columns, columns)),
            SheetsClient.clear(target.id),
            SheetsClient.copy(from: staging, to: target.id, rows: rows + 1, columns: columns),
            SheetsClient.delete(sheet: staging),
            SheetsClient.append([line(batch, from: 0, to: batch.seqTo, rows: rows)], to: ids.ledger),
        ])
        if cut > 0 {
            changes.append("\(cut) values were cut to the \(SheetsClient.mostText) characters that a cell takes")
        }
        return LoadReceipt(rows: rows, changes: changes)
    }

    /// How the titles begin of sheets that rows for this one are gathered in.
    var stagingPrefix: String { "\(sheet.prefix(50)) (loading " }

    /// All rows below their header in a sheet of their own.
    private func gather(
        _ batch: LoadBatch
    ) async throws(ConnectorError) -> (sheet: Int64, rows: Int64, cut: Int) {
        let title = "\(stagingPrefix)\(batch.stream.pipeline.prefix(30)))"
        let sheets = try await client.sheets()
        let id = (sheets.map(\.id).max() ?? 0) &+ 1
        let names = batch.columns.map(\.name)
        // One that an earlier attempt left is begun anew.
        let left = sheets.filter { $0.title == title }.map { SheetsClient.delete(sheet: $0.id) }
        try await client.change(
            left + [
                SheetsClient.add(title, id: id, columns: names.count),
                SheetsClient.append([names.map { .string($0) }], to: id),
            ])
        var pieces = LineBatches(batch, rows: pieceRows, bytes: Self.mostBytes, isBySeq: false)
        // A row with nothing in it would not count as one when the next ones are added: each piece has its place.
        var (rows, cut): (Int64, Int) = (0, 0)
        while true {
            let (more, rest) = try await next(pieces, names)
            pieces = rest
            guard !more.isEmpty else { return (id, rows, cut) }
            try await client.change([
                SheetsClient.size(
                    id, rows: max(1_000, rows + 1 + Int64(more.count)), columns: max(26, Int64(names.count))),
                SheetsClient.write(more, to: id, row: rows + 1, column: 0),
            ])
            rows += Int64(more.count)
            cut += more.reduce(0) { $0 + $1.count(where: SheetsClient.isCut) }
            guard !Task.isCancelled else {
                throw ConnectorError(.unreachable, "the load was cut off", isTransient: true)
            }
        }
    }
}
