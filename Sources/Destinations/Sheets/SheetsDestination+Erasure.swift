public import Connectors
internal import Model

extension SheetsDestination {
    public static let forgetting = Forgetting.rows

    /// So many stretches of rows go in one change.
    private static let mostStretches = 1_000

    /// Removes rows from the sheet's end to its beginning, so that the numbers of those above stay as they are.
    public func erase(_ erasure: RowErasure) async throws(ConnectorError) -> ErasedRows {
        let sheets = try await client.sheets()
        // What a load that was broken off gathered beside a sheet.
        let left = sheets.filter { $0.title.hasPrefix(stagingPrefix) }
        if !left.isEmpty { try await client.change(left.map { SheetsClient.delete(sheet: $0.id) }) }
        guard let target = sheets.first(where: { $0.title == sheet }) else {
            return ErasedRows(rows: 0, isVerified: true, how: "the sheet is not there any more")
        }
        let header = try await client.values(sheet, "1:1").first?.map { $0.stringValue ?? $0.text } ?? []
        // Each project counts its own seq, so that it tells nobody where several load.
        let isAlone = try await lines(sheets).allSatisfy { $0.isOf(erasure.stream) }
        let tests = erasure.columns.compactMap { column -> Test? in
            guard let place = header.firstIndex(of: column.name), column.holds != .seq || isAlone else { return nil }
            return Test(column: place, holds: column.holds, erasure)
        }
        guard !tests.isEmpty else {
            return ErasedRows(
                rows: 0, isVerified: false,
                how:
                    "no column of the sheet tells whose a row is (identity, person_id, identities, or seq where one pipeline loads alone): erase there by hand"
            )
        }
        var rows: Int64 = 0
        while true {
            // What was deleted before made the sheet shorter.
            guard let now = try await client.sheets().first(where: { $0.id == target.id }) else { break }
            let stretches = try await found(now, tests)
            guard !stretches.isEmpty else { break }
            let last = stretches.suffix(Self.mostStretches).reversed()
            try await client.change(last.map { SheetsClient.remove(rows: $0, of: target.id) })
            rows += last.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
            guard !Task.isCancelled else {
                throw ConnectorError(.unreachable, "the erasure was cut off", isTransient: true)
            }
        }
        return ErasedRows(
            rows: rows, isVerified: true,
            how: rows == 0
                ? "no row of theirs was there"
                : "rows deleted; versions of before are in the spreadsheet's history for as long as Google keeps it")
    }

    /// Stretches of rows that are theirs, counted from 0, in ascending order.
    private func found(
        _ target: SheetsClient.Sheet, _ tests: [Test]
    ) async throws(ConnectorError) -> [Range<Int64>] {
        var stretches: [Range<Int64>] = []
        let end = Self.letters(tests.map(\.column).max() ?? 0)
        try await pages(target, from: "A", to: end) { (at, rows) in
            for (number, row) in rows.enumerated() where tests.contains(where: { $0.holds(row) }) {
                let place = at - 1 + Int64(number)
                if let last = stretches.last, last.upperBound == place {
                    stretches[stretches.count - 1] = last.lowerBound..<(place + 1)
                } else {
                    stretches.append(place..<(place + 1))
                }
            }
        }
        return stretches
    }

    /// Whether a cell tells that a row is of those who are to be forgotten.
    private struct Test {
        let column: Int
        private let kind: RowErasure.Holds
        private let texts: Set<String>

        init(column: Int, holds: RowErasure.Holds, _ erasure: RowErasure) {
            self.column = column
            kind = holds
            switch holds {
            case .identity, .identities, .key: texts = Set(erasure.identities)
            case .person: texts = Set(erasure.persons)
            case .seq: texts = Set(erasure.seqs.map(String.init))
            }
        }

        func holds(_ row: [JSONValue]) -> Bool {
            guard row.indices.contains(column) else { return false }
            let text = row[column].stringValue ?? row[column].text
            guard kind == .identities else { return texts.contains(text) }
            let all = (try? JSONValue(text: text))?.arrayValue ?? []
            return all.contains { $0.stringValue.map(texts.contains) ?? false }
        }
    }
}
