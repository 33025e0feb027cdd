public import Connectors
internal import Model

extension SheetsDestination {
    public func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        let sheets = try await client.sheets()
        if batch.mode == .replace { return try await verifyReplaced(batch, sheets) }
        let all = try await lines(sheets)
        let isAlone = all.allSatisfy { $0.isOf(batch.stream) }
        let header = try await client.values(sheet, "1:1").first?.map { $0.stringValue ?? "" } ?? []
        guard isAlone, batch.isIncremental, let place = header.firstIndex(of: "seq"),
            batch.columns.contains(where: { $0.name == "seq" }), let target = sheets.first(where: { $0.title == sheet })
        else {
            let noted = all.filter { $0.run == batch.run && $0.from >= batch.seqFrom }.map(\.rows).reduce(0, &+)
            return LoadVerification(
                what: "rows that sluice_loads has of the run", expected: batch.rows, found: noted)
        }
        let column = Self.letters(place)
        var found: Int64 = 0
        var at: Int64 = 2
        while at <= target.rows {
            let end = min(at + 49_999, target.rows)
            for row in try await client.values(sheet, "\(column)\(at):\(column)\(end)") {
                guard let seq = row.first.flatMap({ $0.intValue ?? $0.stringValue.flatMap { Int64($0) } }) else {
                    continue
                }
                if seq > batch.seqFrom, seq <= batch.seqTo { found += 1 }
            }
            at = end + 1
        }
        return LoadVerification(what: "rows of the window in \(sheet)", expected: batch.rows, found: found)
    }

    /// Where everything is replaced: whether the sheet reaches as far down as the rows that have anything in them.
    private func verifyReplaced(
        _ batch: LoadBatch, _ sheets: [SheetsClient.Sheet]
    ) async throws(ConnectorError) -> LoadVerification {
        var (expected, read): (Int64, Int64) = (0, 0)
        var pieces = LineBatches(batch, rows: pieceRows, bytes: Self.mostBytes, isBySeq: false)
        let names = batch.columns.map(\.name)
        while true {
            let (rows, rest) = try await next(pieces, names)
            pieces = rest
            guard !rows.isEmpty else { break }
            if let last = rows.lastIndex(where: Self.hasValue) { expected = read + Int64(last) + 1 }
            read += Int64(rows.count)
        }
        var found: Int64 = 0
        guard let target = sheets.first(where: { $0.title == sheet }) else {
            return LoadVerification(what: "rows in \(sheet)", expected: expected, found: found)
        }
        let end = Self.letters(names.count - 1)
        try await pages(target, from: "A", to: end) { (at, rows) in
            if let last = rows.lastIndex(where: Self.hasValue) { found = at - 1 + Int64(last) }
        }
        return LoadVerification(
            what: "rows in \(sheet), down to the last with anything in it", expected: expected, found: found)
    }

    /// Whether a row has anything that a sheet would show.
    private static func hasValue(_ row: [JSONValue]) -> Bool {
        row.contains { $0 != .null && $0 != .string("") }
    }

    /// A sheet's rows below its header, some at a time; `body` is told the number of the first one, as the sheet counts.
    func pages(
        _ target: SheetsClient.Sheet, from: String, to: String, _ body: (Int64, [[JSONValue]]) -> Void
    ) async throws(ConnectorError) {
        var at: Int64 = 2
        while at <= target.rows {
            let end = min(at + 9_999, target.rows)
            body(at, try await client.values(sheet, "\(from)\(at):\(to)\(end)"))
            at = end + 1
        }
    }
}
