import ArgumentParser
import Model

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring files of events in; doing it twice adds nothing.",
        discussion: """
            FILE may be compressed (gzip, zstd); - is standard input. A folder is one in the layout of KISSmetrics' \
            export: its revisions are read in their order, and what index.csv names but is not there is told.

            --map says which column is what: identity=COL, timestamp=COL, event=COL or event:NAME (the same name for \
            each row), properties=COL+COL (all other columns if not said), id=COL. A column whose name holds a comma, \
            a plus sign or a quote stands in double quotes. A row without an id gets one from what it says, so that a \
            second import of the same or of an overlapping file adds nothing.

            --format kissmetrics reads KISSmetrics' raw export as it is, --format segment an archive of Segment messages; \
            events, properties and aliases come in as those that their SDKs send.

            A row that cannot be taken is a reject: kept with its reason, listed here and at GET /v1/rejects; the exit \
            code is then 3. After a broken connection just run the command again.

            Examples:
              sluice import shop.csv.gz --data ./data --map identity=user_id,event=event,timestamp=timestamp
              sluice import cdnow.csv --data ./data --map identity=customer_id,timestamp=date,event:Purchased
              zcat log.ndjson.gz | sluice import - --format ndjson --data ./data
              sluice import ./kissmetrics-export --format kissmetrics --data ./data
              sluice import archive/*.gz --format segment --data ./data
            """)

    /// How many rejects of a file a person is shown.
    private static let shownRejects = 10

    @Argument(help: "The files or folders, in order; - is standard input.")
    var files: [String]

    @Option(name: .long, help: "csv, ndjson, kissmetrics or segment; if not said, as the name of the file ends.")
    var format: Format?

    @Option(name: .long, help: ArgumentHelp("Which column is what.", valueName: "MAP"))
    var map: String?

    @Option(name: .long, help: ArgumentHelp("The zone of times that name none; UTC if not said.", valueName: "ZONE"))
    var timezone: String?

    @Flag(name: .long, help: "Return as soon as the rows are safe, without waiting until they can be queried.")
    var noWait = false

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    enum Format: String, CaseIterable, ExpressibleByArgument { case csv, ndjson, kissmetrics, segment }

    func validate() throws {
        guard files.filter({ $0 == "-" }).count <= 1 else {
            throw ValidationError("Standard input can be read only once; give - once.")
        }
        for file in files {
            let isFolder = file != "-" && RevisionFolder.isFolder(file)
            guard !isFolder || format == nil || format == .kissmetrics else {
                throw ValidationError("\(file): it is a folder; name the files in it.")
            }
            guard let format = format ?? (isFolder ? .kissmetrics : Self.format(of: file)) else {
                throw ValidationError(
                    "\(file): its name does not say what it is; give --format csv, ndjson, kissmetrics or segment.")
            }
            guard format == .csv || format == .ndjson || (map == nil && timezone == nil) else {
                throw ValidationError(
                    "--map and --timezone have no meaning for \(format.rawValue): its lines say themselves what is what."
                )
            }
        }
    }

    /// The format that a file's name ends with.
    private static func format(of file: String) -> Format? {
        var name = file.lowercased()[...]
        for ending in [".gz", ".zst"] where name.hasSuffix(ending) { name = name.dropLast(ending.count) }
        if name.hasSuffix(".csv") { return .csv }
        return name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") ? .ndjson : nil
    }

    func run() async throws {
        // What is not there is found before the first file is sent.
        let inputs = try files.map { try ImportInput($0) }
        let results = try await Session.run(connection) { client in
            try await interruptible {
                var results: [[ImportResult]] = []
                for (input, name) in zip(inputs, files) { results.append(try await read(input, name, client)) }
                if !noWait, let watermark = results.joined().compactMap(\.watermark).max() {
                    var line = ProgressLine()
                    defer { line.clear() }
                    line.show("storing", share: 1)
                    try await client.waitUntilStored(watermark)
                }
                return results
            }
        }
        for case .revisions(let folder) in inputs { report(folder) }
        try json ? Terminal.line(Self.summary(results, inputs).text) : report(results, inputs)
        guard results.joined().allSatisfy({ $0.rejected == 0 }) else {
            throw ExitCode(Failure.Code.doneWithRejects.rawValue)
        }
    }

    /// Sends the files of one input, one after another.
    private func read(_ input: ImportInput, _ name: String, _ client: APIClient) async throws -> [ImportResult] {
        let files = try input.files
        var results: [ImportResult] = []
        for (number, file) in files.enumerated() {
            var format = format ?? Self.format(of: name) ?? .csv
            var note = ""
            if case .revisions = input { (format, note) = (.kissmetrics, " (\(number + 1) of \(files.count))") }
            let upload = ImportUpload(
                source: try file.open(), format: format.rawValue, map: map, timezone: timezone, note: note)
            results.append(try await upload.run(client))
        }
        return results
    }

    private static func summary(_ all: [[ImportResult]], _ inputs: [ImportInput]) -> JSONValue {
        let results = Array(all.joined())
        let total = { (value: (ImportResult) -> Int64) in JSONValue(results.reduce(Int64(0)) { $0 + value($1) }) }
        let missing = inputs.flatMap { input -> [String] in
            if case .revisions(let folder) = input { folder.missing } else { [] }
        }
        return [
            "rows": total(\.rows), "accepted": total(\.accepted), "duplicates": total(\.duplicates),
            "rejected": total(\.rejected),
            "watermark": results.compactMap(\.watermark).max().map { JSONValue($0) } ?? .null,
            "missing": .array(missing.map { .string($0) }), "files": .array(results.map(\.json)),
        ]
    }

    private func report(_ all: [[ImportResult]], _ inputs: [ImportInput]) throws {
        for (results, input) in zip(all, inputs) {
            let name: String
            switch input {
            case .file: name = results.first?.file ?? ""
            case .revisions(let folder): name = "\(folder.path): \(Text.count(Int64(folder.files.count), "revision"))"
            }
            let total = { (value: (ImportResult) -> Int64) in results.reduce(Int64(0)) { $0 + value($1) } }
            try Terminal.line(
                "\(Text.visible(name)): \(Text.count(total(\.rows), "row")): \(Text.count(total(\.accepted))) added, "
                    + "\(Text.count(total(\.duplicates))) there already, \(Text.count(total(\.rejected))) rejected")
            for result in results { reportRejects(result) }
        }
    }

    private func report(_ folder: RevisionFolder) {
        let path = Text.visible(folder.path)
        for note in folder.notes { Terminal.note("\(path): \(note)") }
        guard let first = folder.missing.first else { return }
        let shown = folder.missing.prefix(Self.shownRejects).joined(separator: ", ")
        let more = folder.missingCount - Int64(min(folder.missing.count, Self.shownRejects))
        Terminal.note(
            folder.missingCount == 1
                ? "\(path): \(first) is missing; what it held is not imported"
                : "\(path): \(Text.count(folder.missingCount)) revisions are missing, what they held is not imported: "
                    + shown + (more > 0 ? " and \(Text.count(more)) more" : ""))
    }

    private func reportRejects(_ result: ImportResult) {
        let file = Text.visible(result.file)
        let shown = result.rejects.prefix(Self.shownRejects)
        for reject in shown { Terminal.note("\(file):\(reject.line): \(Text.visible(reject.reason))") }
        let more = result.rejected - Int64(shown.count)
        if more > 0 { Terminal.note("\(file): \(Text.count(more)) more rejects; GET /v1/rejects lists them all") }
    }
}
