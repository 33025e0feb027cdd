import ArgumentParser
import Model

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring files of events in; doing it twice adds nothing.",
        discussion: """
            FILE may be compressed (gzip, zstd); - is standard input.

            --map says which column is what: identity=COL, timestamp=COL, event=COL or event:NAME (the same name for \
            each row), properties=COL+COL (all other columns if not said), id=COL. A column whose name holds a comma, \
            a plus sign or a quote stands in double quotes. A row without an id gets one from what it says, so that a \
            second import of the same or of an overlapping file adds nothing.

            A row that cannot be taken is a reject: kept with its reason, listed here and at GET /v1/rejects; the exit \
            code is then 3. After a broken connection just run the command again.

            Examples:
              sluice import shop.csv.gz --data ./data --map identity=user_id,event=event,timestamp=timestamp
              sluice import cdnow.csv --data ./data --map identity=customer_id,timestamp=date,event:Purchased
              zcat log.ndjson.gz | sluice import - --format ndjson --data ./data
            """)

    /// How many rejects of a file a person is shown.
    private static let shownRejects = 10

    @Argument(help: "The files, in order; - is standard input.")
    var files: [String]

    @Option(name: .long, help: "csv or ndjson; if not said, as the name of the file ends.")
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

    enum Format: String, CaseIterable, ExpressibleByArgument { case csv, ndjson }

    func validate() throws {
        guard files.filter({ $0 == "-" }).count <= 1 else {
            throw ValidationError("Standard input can be read only once; give - once.")
        }
        for file in files where format == nil && Self.format(of: file) == nil {
            throw ValidationError("\(file): its name does not say what it is; give --format csv or --format ndjson.")
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
        // A file that is not there is found before the first one is sent.
        let uploads = try files.map { file in
            ImportUpload(
                source: try FileSource(file), format: (format ?? Self.format(of: file) ?? .csv).rawValue, map: map,
                timezone: timezone, waits: !noWait)
        }
        let results = try await Session.run(connection) { client in
            try await interruptible {
                var results: [ImportResult] = []
                for upload in uploads { results.append(try await upload.run(client)) }
                return results
            }
        }
        try json ? Terminal.line(Self.summary(results).text) : report(results)
        guard results.allSatisfy({ $0.rejected == 0 }) else { throw ExitCode(Failure.Code.doneWithRejects.rawValue) }
    }

    private static func summary(_ results: [ImportResult]) -> JSONValue {
        let total = { (value: (ImportResult) -> Int64) in JSONValue(results.reduce(Int64(0)) { $0 + value($1) }) }
        return [
            "rows": total(\.rows), "accepted": total(\.accepted), "duplicates": total(\.duplicates),
            "rejected": total(\.rejected),
            "watermark": results.compactMap(\.watermark).max().map { JSONValue($0) } ?? .null,
            "files": .array(results.map(\.json)),
        ]
    }

    private func report(_ results: [ImportResult]) throws {
        for result in results {
            let file = Text.visible(result.file)
            try Terminal.line(
                "\(file): \(Text.count(result.rows, "row")): \(Text.count(result.accepted)) added, "
                    + "\(Text.count(result.duplicates)) there already, \(Text.count(result.rejected)) rejected")
            let shown = result.rejects.prefix(Self.shownRejects)
            for reject in shown { Terminal.note("\(file):\(reject.line): \(Text.visible(reject.reason))") }
            let more = result.rejected - Int64(shown.count)
            if more > 0 {
                Terminal.note("\(file): \(Text.count(more)) more rejects; GET /v1/rejects lists them all")
            }
        }
    }
}
