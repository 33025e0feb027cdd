public import Age
public import Codecs
public import EventStore
public import Model

/// A file's format.
public enum ExportFormat: String, Sendable, CaseIterable {
    case csv
    case ndjson
    case parquet
    /// A folder in the layout of KISSmetrics' own export, to which each run adds what is new.
    case kissmetrics

    /// A file's extension, with those of its compression and its encryption; Parquet is packed inside. A folder has none.
    func fileExtension(_ compression: Compression, isEncrypted: Bool) -> String {
        let plain =
            switch self {
            case .csv, .ndjson: ".\(rawValue)\(compression.suffix)"
            case .parquet: ".parquet"
            case .kissmetrics: ""
            }
        return plain + (isEncrypted ? ".age" : "")
    }
}

/// The order of rows; every one is total, so that an export can be repeated.
public enum ExportOrder: String, Sendable, CaseIterable {
    /// Month (UTC), identity, time, `seq`: one person's rows of a month lie together.
    case storage
    /// Time, then `seq`.
    case timestamp
    /// The order in which things were stored.
    case seq
}

/// What somebody asks to be exported: through the API, the command line or a schedule.
public struct ExportSpec: Sendable, Equatable {
    public var dataset: Dataset
    /// Columns as written; empty for the dataset's own.
    public var columns: [String] = []
    public var condition: JSONValue?
    /// Times as written: RFC 3339, a date, epoch seconds, or `-7d` before the export's time.
    public var from: String?
    public var to: String?
    /// What dates and times without an offset mean: `UTC`, an offset (`+02:00`) or a name (`Europe/Berlin`).
    ///
    /// A CSV's times are written in it, too, if the file is for a spreadsheet (`sheet` asks for something), or if there is
    /// nothing else that it could be for: no time here needs a zone.
    public var timezone = "UTC"
    /// Only what was stored after this `seq`.
    public var seqFrom: Int64?
    /// Only what was stored up to this `seq`.
    public var seqTo: Int64?
    public var order: ExportOrder?
    /// Only people with an identity that an identify or an alias named, and what is theirs.
    public var isIdentified = false
    public var format = ExportFormat.csv
    public var compression = Compression.none
    /// What is special about a CSV.
    public var sheet = SheetForm()
    /// Whom the files are encrypted for; anybody can read them if there is none.
    public var recipients: [AgeRecipient] = []
    /// The computed columns of people that there are, each as of a day: put in by whoever knows the project's definitions.
    public var computed: [ComputedColumn] = []
    /// The most rows of one file; nil for one file.
    public var partRows: Int?
    /// Of the dataset `report`: the question, as the reports' API takes it.
    public var report: JSONValue?
    /// A number of the answer, whose people are exported instead of it.
    public var cell: JSONValue?
    /// Answers as of this `seq` instead of the newest: a manifest's specification repeats its export.
    public var asOfSeq: Int64?
    /// The moment that relative times count from, instead of now.
    public var asOf: String?

    public init(_ dataset: Dataset) { self.dataset = dataset }
}

extension ExportSpec {
    /// Each has a stanza in the header of every file.
    private static let mostRecipients = 100
    private static let fields =
        [
            "dataset", "columns", "where", "from", "to", "timezone", "seq_from", "seq_to", "order", "identified",
            "format", "compression", "encrypt", "part_rows", "as_of_seq", "as_of", "report", "cell",
            "computed",
        ] + SheetForm.fields

    /// Reads a specification as `POST /v1/exports` takes it and a manifest keeps it.
    public init(json: JSONValue) throws(ExportError) {
        guard case .object(let members) = json else { throw Self.error("an export is a JSON object") }
        for member in members where !Self.fields.contains(member.key) {
            throw Self.error("there is no field \"\(member.key)\"; there are \(Self.fields.joined(separator: ", "))")
        }
        guard let name = json["dataset"]?.stringValue else {
            let known = Dataset.allCases.map(\.rawValue).joined(separator: ", ")
            throw Self.error("\"dataset\" is missing; one of \(known)")
        }
        do { try self.init(Dataset(name: name)) } catch { throw ExportError(error) }
        columns = try Self.columns(json.given("columns"))
        condition = json.given("where")
        from = try Self.time(json, "from")
        to = try Self.time(json, "to")
        asOf = try Self.time(json, "as_of")
        if let zone = json.given("timezone") { timezone = try Self.text(zone, "timezone") }
        seqFrom = try Self.seq(json, "seq_from")
        seqTo = try Self.seq(json, "seq_to")
        asOfSeq = try Self.seq(json, "as_of_seq")
        order = try Self.choice(json, "order")
        if let value = json.given("identified") {
            guard let truth = value.boolValue else { throw Self.error("\"identified\" is true or false") }
            isIdentified = truth
        }
        format = try Self.choice(json, "format") ?? .csv
        compression = try Self.choice(json, "compression") ?? .none
        sheet = try SheetForm(json: json)
        if let value = json.given("encrypt") { recipients = try Self.recipients(value) }
        if let value = json.given("computed") { computed = try Self.computed(value) }
        report = json.given("report")
        cell = json.given("cell")
        if let value = json.given("part_rows") {
            guard let rows = value.intValue, rows > 0 else {
                throw Self.error("\"part_rows\" is a whole number above 0")
            }
            partRows = Int(rows)
        }
    }

    /// Definitions by name, as a manifest keeps those that its export used.
    private static func computed(_ value: JSONValue) throws(ExportError) -> [ComputedColumn] {
        guard case .object(let members) = value, members.count <= ComputedColumn.most else {
            throw error("\"computed\" has the definitions of computed columns by name, as a manifest has them")
        }
        do {
            var columns: [ComputedColumn] = []
            for member in members {
                columns.append(
                    try ComputedColumn(member.key, json: member.value, path: "computed.\(member.key.prefix(64))"))
            }
            return columns
        } catch {
            throw ExportError(error)
        }
    }

    private static func columns(_ value: JSONValue?) throws(ExportError) -> [String] {
        guard let value else { return [] }
        guard let elements = value.arrayValue else { throw error("\"columns\" is a list of texts") }
        var out: [String] = []
        for (i, element) in elements.enumerated() {
            guard let text = element.stringValue else { throw error("columns[\(i)]: a text should be here") }
            out.append(text)
        }
        return out
    }

    /// An empty list is an error and not a file that anybody can read.
    private static func recipients(_ value: JSONValue) throws(ExportError) -> [AgeRecipient] {
        guard let elements = value.arrayValue, !elements.isEmpty else {
            throw error("\"encrypt\" is a list of age recipients (age1…), at least one")
        }
        guard elements.count <= mostRecipients else {
            throw error("\"encrypt\": at most \(mostRecipients) recipients, not \(elements.count)")
        }
        var out: [AgeRecipient] = []
        for (i, element) in elements.enumerated() {
            guard let text = element.stringValue else { throw error("encrypt[\(i)]: a text should be here") }
            do { out.append(try AgeRecipient(text)) } catch { throw Self.error("encrypt[\(i)]: \(error.message)") }
        }
        return out
    }

    private static func text(_ value: JSONValue, _ field: String) throws(ExportError) -> String {
        guard let text = value.stringValue, !text.isEmpty else { throw error("\"\(field)\" is a text") }
        return text
    }

    /// A time is a text, or a number of epoch seconds.
    private static func time(_ json: JSONValue, _ field: String) throws(ExportError) -> String? {
        switch json.given(field) {
        case nil: return nil
        case .number(let digits): return digits
        case .string(let text) where !text.isEmpty: return text
        default: throw error("\"\(field)\" is a time, such as 2026-01-31, 2026-01-31T12:00:00Z or -7d")
        }
    }

    private static func seq(_ json: JSONValue, _ field: String) throws(ExportError) -> Int64? {
        guard let value = json.given(field) else { return nil }
        guard let seq = value.intValue, seq >= 0 else { throw error("\"\(field)\" is a whole number from 0") }
        return seq
    }

    private static func choice<T: RawRepresentable<String> & CaseIterable>(
        _ json: JSONValue, _ field: String
    ) throws(ExportError) -> T? {
        guard let value = json.given(field) else { return nil }
        guard let text = value.stringValue, let choice = T(rawValue: text) else {
            throw error("\"\(field)\" is one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    static func error(_ reason: String) -> ExportError { ExportError(.invalidSpec, reason) }
}

extension JSONValue {
    /// The value under a key; null counts as not given.
    func given(_ key: String) -> JSONValue? { self[key] == .null ? nil : self[key] }
}
