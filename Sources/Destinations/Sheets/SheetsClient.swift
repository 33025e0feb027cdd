internal import Connectors
internal import Model

/// One spreadsheet of Google's, as far as loads need it.
struct SheetsClient: Sendable {
    /// A sheet of it.
    struct Sheet: Sendable, Equatable {
        var id: Int64
        var title: String
        var rows: Int64
        var columns: Int64
    }

    let base: String
    let spreadsheet: String
    let account: GoogleAccount
    let tools: DestinationTools

    /// An answer of values is at most this long.
    private static let mostAnswer = 16 << 20

    func sheets() async throws(ConnectorError) -> [Sheet] {
        let answer = try await ask("GET", "?fields=sheets.properties")
        return (answer["sheets"]?.arrayValue ?? []).compactMap { entry in
            let properties = entry["properties"]
            guard let title = properties?["title"]?.stringValue else { return nil }
            let grid = properties?["gridProperties"]
            return Sheet(
                id: properties?["sheetId"]?.intValue ?? 0, title: title, rows: grid?["rowCount"]?.intValue ?? 0,
                columns: grid?["columnCount"]?.intValue ?? 0)
        }
    }

    /// The values of a range, a row each, as far as there are any.
    func values(_ sheet: String, _ range: String) async throws(ConnectorError) -> [[JSONValue]] {
        let name = QuotedText.enclosed(sheet, in: "'")
        let path = PercentText.encoded("\(name)!\(range)")
        let answer = try await ask("GET", "/values/\(path)?valueRenderOption=UNFORMATTED_VALUE")
        return (answer["values"]?.arrayValue ?? []).map { $0.arrayValue ?? [] }
    }

    /// Several changes, all or none of them.
    func change(_ requests: [JSONValue]) async throws(ConnectorError) {
        _ = try await ask("POST", ":batchUpdate", body: ["requests": .array(requests)])
    }

    private func ask(_ method: String, _ path: String, body: JSONValue? = nil) async throws(ConnectorError) -> JSONValue
    {
        let url = try OutboundURL("\(base)/v4/spreadsheets/\(PercentText.encoded(spreadsheet))\(path)")
        for isFirst in [true, false] {
            var request = OutboundRequest(
                url: url, method: method,
                headers: [
                    ("authorization", "Bearer \(try await account.token(tools))"), ("user-agent", "sluice"),
                    ("content-type", "application/json"),
                ], body: body.map { Array($0.text.utf8) } ?? [], timeout: .seconds(120))
            request.mostAnswer = Self.mostAnswer
            let result = await tools.http.send(request)
            guard let answer = result.answer, answer.cut == nil else {
                throw ConnectorError(
                    result.failure?.code == .blockedAddress ? .blockedAddress : .unreachable,
                    result.failure?.message ?? "\(url.host) did not answer to the end", isTransient: true)
            }
            if answer.status == 401, isFirst {
                // A token that was taken back before its time.
                account.forget()
                continue
            }
            let document = (try? JSONValue(answer.body.span)) ?? .null
            guard answer.status == 200 else {
                let said = document["error"]?["message"]?.stringValue ?? ""
                let isTransient = answer.status >= 500 || answer.status == 429 || answer.status == 408
                throw ConnectorError(
                    isTransient ? .unreachable : .refused,
                    "Google Sheets answered \(answer.status): \(said.prefix(200))", isTransient: isTransient)
            }
            return document
        }
        throw ConnectorError(.refused, "Google Sheets knows no such token")
    }

    // MARK: Changes

    static func add(_ title: String, id: Int64, columns: Int) -> JSONValue {
        [
            "addSheet": [
                "properties": [
                    "sheetId": JSONValue(id), "title": .string(title),
                    "gridProperties": ["rowCount": 1_000, "columnCount": JSONValue(max(columns, 26))],
                ]
            ]
        ]
    }

    static func widen(_ id: Int64, by columns: Int64) -> JSONValue {
        [
            "appendDimension": [
                "sheetId": JSONValue(id), "dimension": "COLUMNS", "length": JSONValue(columns),
            ]
        ]
    }

    /// Rows after the last one that has anything in it.
    static func append(_ rows: [[JSONValue]], to id: Int64) -> JSONValue {
        let data = rows.map { row -> JSONValue in ["values": .array(row.map(cell))] }
        return [
            "appendCells": ["sheetId": JSONValue(id), "rows": .array(data), "fields": "userEnteredValue"]
        ]
    }

    /// Rows from a place on.
    static func write(_ rows: [[JSONValue]], to id: Int64, row at: Int64, column: Int64) -> JSONValue {
        let data = rows.map { row -> JSONValue in ["values": .array(row.map(cell))] }
        return [
            "updateCells": [
                "rows": .array(data), "fields": "userEnteredValue",
                "start": ["sheetId": JSONValue(id), "rowIndex": JSONValue(at), "columnIndex": JSONValue(column)],
            ]
        ]
    }

    static func delete(sheet id: Int64) -> JSONValue { ["deleteSheet": ["sheetId": JSONValue(id)]] }

    static func size(_ id: Int64, rows: Int64, columns: Int64) -> JSONValue {
        [
            "updateSheetProperties": [
                "properties": [
                    "sheetId": JSONValue(id),
                    "gridProperties": ["rowCount": JSONValue(rows), "columnCount": JSONValue(columns)],
                ], "fields": "gridProperties(rowCount,columnCount)",
            ]
        ]
    }

    /// Takes all values out of a sheet; how its cells look stays.
    static func clear(_ id: Int64) -> JSONValue {
        ["updateCells": ["range": ["sheetId": JSONValue(id)], "fields": "userEnteredValue"]]
    }

    /// Copies values from the first cell on.
    static func copy(from source: Int64, to target: Int64, rows: Int64, columns: Int64) -> JSONValue {
        func range(_ id: Int64) -> JSONValue {
            [
                "sheetId": JSONValue(id), "startRowIndex": 0, "endRowIndex": JSONValue(rows),
                "startColumnIndex": 0, "endColumnIndex": JSONValue(columns),
            ]
        }
        return [
            "copyPaste": ["source": range(source), "destination": range(target), "pasteType": "PASTE_VALUES"]
        ]
    }

    static func remove(rows: Range<Int64>, of id: Int64) -> JSONValue {
        [
            "deleteDimension": [
                "range": [
                    "sheetId": JSONValue(id), "dimension": "ROWS", "startIndex": JSONValue(rows.lowerBound),
                    "endIndex": JSONValue(rows.upperBound),
                ]
            ]
        ]
    }

    /// A cell takes 50,000 characters.
    static let mostText = 49_000

    /// Whether a value is longer than a cell.
    static func isCut(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool, .number: false
        case .string(let text): text.utf8.count > mostText && text.count > mostText
        default: value.text.utf8.count > mostText && value.text.count > mostText
        }
    }

    /// A value as itself: text stays text, whatever it begins with, so that nothing is a formula.
    private static func cell(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null: return [:]
        case .bool: return ["userEnteredValue": ["boolValue": value]]
        case .number(let digits):
            // A sheet's numbers are doubles: longer ones would lose digits.
            let isExact = digits.utf8.count(where: { $0 &- 48 < 10 }) <= 15
            return ["userEnteredValue": isExact ? ["numberValue": value] : ["stringValue": .string(digits)]]
        case .string(let text): return ["userEnteredValue": ["stringValue": .string(String(text.prefix(mostText)))]]
        default: return ["userEnteredValue": ["stringValue": .string(String(value.text.prefix(mostText)))]]
        }
    }
}
