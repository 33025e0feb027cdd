public import Connectors
internal import Model

/// Rows at the end of a sheet of Google's, or in the place of those that are in it.
///
/// Rows that are added go in pieces, each in one change with its own line in the sheet `sluice_loads`, and Google makes all of a change or nothing. So a
/// piece is there once, whatever answer was lost. Values are written as what they are: no text becomes a formula.
public struct SheetsDestination: Destination {
    public static let kind = "sheets"
    public static let fields = [
        Field("spreadsheet", .text, isRequired: true, help: "the spreadsheet's id, as its address has it"),
        Field("sheet", .text, isRequired: true, help: "the sheet's title; it is made if it is not there"),
        Field(
            "credentials", .text, isSecret: true, isRequired: true,
            help: "a service account's JSON; the spreadsheet is shared with its client_email"),
        Field("api", .url, help: "the service; https://sheets.googleapis.com if not said"),
        Field("piece_rows", .number(1...5_000), help: "rows of one change at most; 2000 if not said"),
        PlainText.field,
    ]
    public static let abilities = Abilities(
        modes: [.append, .replace], formats: ["ndjson"], takesCompression: false, hasSchema: true)

    /// A change is sent when it has so many bytes of rows, whatever their number.
    static let mostBytes = 1 << 20
    static let ledger = "sluice_loads"
    private static let ledgerColumns: [JSONValue] = [
        "run_id", "pipeline", "seq_from", "seq_to", "rows", "loaded_at", "stale", "target", "installation",
    ]

    let client: SheetsClient
    let sheet: String
    let pieceRows: Int

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        let api = try OutboundURL(settings.text("api") ?? "https://sheets.googleapis.com")
        try tools.policy.check(api)
        try PlainText.check(api, settings, tools)
        sheet = settings.text("sheet") ?? ""
        guard sheet != Self.ledger, !sheet.isEmpty, sheet.count <= 100 else {
            throw ConnectorError(.badSetting, "\"sheet\" is a title of at most 100 characters, and not \(Self.ledger)")
        }
        client = SheetsClient(
            base: api.origin, spreadsheet: settings.text("spreadsheet") ?? "",
            account: try GoogleAccount(
                settings.text("credentials") ?? "", scope: "https://www.googleapis.com/auth/spreadsheets",
                policy: tools.policy), tools: tools)
        pieceRows = Int(settings.number("piece_rows") ?? 2_000)
    }

    public var location: String { "sheets:\(client.spreadsheet)/\(sheet)" }

    public func check() async throws(ConnectorError) { _ = try await client.sheets() }

    /// A line of the ledger.
    struct Line {
        let run: String
        let pipeline: String
        let from: Int64
        let to: Int64
        let rows: Int64
        let target: String
        let installation: String

        init?(_ row: [JSONValue]) {
            guard row.count >= 9, let from = row[2].intValue ?? row[2].stringValue.flatMap({ Int64($0) }),
                let to = row[3].intValue ?? row[3].stringValue.flatMap({ Int64($0) }), let rows = row[4].intValue
            else { return nil }
            (self.from, self.to, self.rows) = (from, to, rows)
            func text(_ at: Int) -> String { row[at].stringValue ?? row[at].text }
            (run, pipeline, target, installation) = (text(0), text(1), text(7), text(8))
        }

        func isOf(_ stream: LoadStream) -> Bool {
            pipeline == stream.pipeline && installation == stream.installation
        }
    }

    /// The ledger's lines of this sheet; those of a sheet that is not there any more do not count.
    func lines(_ sheets: [SheetsClient.Sheet]) async throws(ConnectorError) -> [Line] {
        guard sheets.contains(where: { $0.title == sheet }), sheets.contains(where: { $0.title == Self.ledger })
        else { return [] }
        return try await client.values(Self.ledger, "A2:I").compactMap(Line.init).filter { $0.target == sheet }
    }

    public func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        let sheets = try await client.sheets()
        guard sheets.contains(where: { $0.title == sheet }) else { return .empty }
        let ours = try await lines(sheets).filter { $0.isOf(stream) }
        return .upTo(ours.map(\.to).max() ?? 0)
    }

    public func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let sheets = try await client.sheets()
        let ours = try await lines(sheets).filter { $0.isOf(batch.stream) }
        let mine = ours.filter { $0.run == batch.run && $0.from >= batch.seqFrom }
        if mine.contains(where: { $0.to == batch.seqTo }) {
            return LoadReceipt(rows: mine.map(\.rows).reduce(0, &+), wasThere: true)
        }
        if batch.mode == .replace { return try await replace(batch, sheets) }
        if batch.isIncremental, let reached = ours.map(\.to).max(), reached > batch.seqFrom {
            return LoadReceipt(rows: 0, reached: reached)
        }
        guard batch.isIncremental || mine.isEmpty else {
            throw ConnectorError(.refused, "a part of the rows is in \(sheet), and cannot be told from the rest")
        }
        var (names, changes) = try await prepare(batch, sheets)
        let ids = try await ids()
        var pieces = LineBatches(batch, rows: pieceRows, bytes: Self.mostBytes, isBySeq: false)
        var (from, sent, taken, cut) = (batch.seqFrom, Int64(0), Int64(0), 0)
        // Rows of a seq that the next piece may have more of.
        var held: [[JSONValue]] = []
        repeat {
            let (more, rest) = try await next(pieces, names)
            pieces = rest
            taken += Int64(more.count)
            var rows = held + more
            let isLast = taken >= batch.rows || more.isEmpty
            var to = batch.seqTo
            if !isLast {
                guard batch.isIncremental, let place = names.firstIndex(of: "seq"),
                    let last = rows.last?[place].intValue,
                    let end = rows.lastIndex(where: { ($0[place].intValue ?? last) < last }),
                    let seq = rows[end][place].intValue, seq > from
                else {
                    throw ConnectorError(
                        .badSetting,
                        "so many rows go in pieces, which are told by \"seq\": name it among the columns, or have fewer rows than \(pieceRows)"
                    )
                }
                // A piece ends where a seq does: what is noted up to it is there whole.
                held = Array(rows[(end + 1)...])
                rows.removeSubrange((end + 1)...)
                to = seq
            }
            sent += Int64(rows.count)
            cut += rows.reduce(0) { $0 + $1.count(where: SheetsClient.isCut) }
            let line = line(batch, from: from, to: to, rows: Int64(rows.count))
            try await client.change([
                SheetsClient.append(rows, to: ids.sheet), SheetsClient.append([line], to: ids.ledger),
            ])
            from = to
            guard !Task.isCancelled else {
                throw ConnectorError(.unreachable, "the load was cut off", isTransient: true)
            }
            if isLast { break }
        } while true
        if cut > 0 {
            changes.append("\(cut) values were cut to the \(SheetsClient.mostText) characters that a cell takes")
        }
        return LoadReceipt(rows: sent, changes: changes)
    }

    /// A line of the ledger for rows that go in.
    func line(_ batch: LoadBatch, from: Int64, to: Int64, rows: Int64) -> [JSONValue] {
        [
            .string(batch.run), .string(batch.stream.pipeline), JSONValue(from), JSONValue(to), JSONValue(rows),
            .string(Timestamp(microseconds: client.tools.seconds() * 1_000_000).text), .bool(batch.isStale),
            .string(sheet), .string(batch.stream.installation),
        ]
    }

    func ids() async throws(ConnectorError) -> (sheet: Int64, ledger: Int64) {
        let sheets = try await client.sheets()
        guard let target = sheets.first(where: { $0.title == sheet }),
            let ledger = sheets.first(where: { $0.title == Self.ledger })
        else { throw ConnectorError(.unreachable, "the sheets that were made are gone", isTransient: true) }
        return (target.id, ledger.id)
    }

    /// The next rows, their values in the order of the sheet's columns.
    func next(
        _ pieces: LineBatches, _ names: [String]
    ) async throws(ConnectorError) -> ([[JSONValue]], LineBatches) {
        try await blocking { () throws in
            var pieces = pieces
            guard let piece = try pieces.next() else { return ([], pieces) }
            var rows: [[JSONValue]] = []
            for line in piece.body.split(separator: 0x0a) {
                let bytes = Array(line)
                let row: JSONValue
                do { row = try JSONValue(bytes.span) } catch {
                    throw ConnectorError(.refused, "a line of the file is no JSON")
                }
                rows.append(names.map { row[$0] ?? .null })
            }
            return (rows, pieces)
        }
    }

    /// Makes what is not there, and columns that are new; the sheet's columns afterwards.
    func prepare(
        _ batch: LoadBatch, _ sheets: [SheetsClient.Sheet]
    ) async throws(ConnectorError) -> ([String], [String]) {
        let wanted = batch.columns.map(\.name)
        var requests: [JSONValue] = []
        var changes: [String] = []
        // Ids are the sheet's own for good, and those of others are not known before.
        var free = (sheets.map(\.id).max() ?? 0) &+ 1
        if !sheets.contains(where: { $0.title == Self.ledger }) {
            requests += [
                SheetsClient.add(Self.ledger, id: free, columns: 9),
                SheetsClient.append([Self.ledgerColumns], to: free),
            ]
            free += 1
        }
        var names = wanted
        if let target = sheets.first(where: { $0.title == sheet }) {
            let header = try await client.values(sheet, "1:1").first ?? []
            names = header.map { $0.stringValue ?? $0.text }
            let missing = wanted.filter { !names.contains($0) }
            guard missing.isEmpty || batch.evolves || names.isEmpty else {
                throw ConnectorError(
                    .refused,
                    "the sheet \(sheet) has no column \(missing.map { "\"\($0)\"" }.joined(separator: ", ")), and \"schema: freeze\" "
                        + "lets none be added; it has \(names.joined(separator: ", "))")
            }
            if !missing.isEmpty {
                let width = Int64(names.count + missing.count)
                if width > target.columns { requests.append(SheetsClient.widen(target.id, by: width - target.columns)) }
                requests.append(
                    SheetsClient.write(
                        [missing.map { .string($0) }], to: target.id, row: 0, column: Int64(names.count)))
                changes += missing.map { "the column \"\($0)\" was added to \(sheet)" }
                names += missing
            }
        } else {
            requests += [
                SheetsClient.add(sheet, id: free, columns: wanted.count),
                SheetsClient.append([wanted.map { .string($0) }], to: free),
            ]
            changes.append("the sheet \(sheet) was made")
        }
        if !requests.isEmpty { try await client.change(requests) }
        return (names, changes)
    }

    /// A column's letters: A to Z, AA, …
    static func letters(_ column: Int) -> String {
        var (left, text) = (column, "")
        repeat {
            text = String(UnicodeScalar(UInt8(65 + left % 26))) + text
            left = left / 26 - 1
        } while left >= 0
        return text
    }
}
