import Age
import ArgumentParser
import Exports
import Model

struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write people, events, property changes, aliases or identities to a file that any tool opens.",
        discussion: """
            DATASET is people, events, property-changes, aliases or identities.

            Columns are named, ordered and renamed, as one line of CSV: "seq,identity,properties.plan as plan". \
            Besides the dataset's own columns there are properties.NAME (one property), properties.* (each of them) \
            and person.NAME (the person's current property). People also have first(EVENT), last(EVENT) and \
            count(EVENT): when the person did it first and last, and how often; a column with a comma or a quote in \
            it is written in quotes. Without --columns a dataset has its usual ones.

            A condition is JSON: {"all": [{"event": "Purchased"}, {"property": "amount", "gt": 10}]}. Conditions are \
            all, any, not; {"event": NAME or [NAMES]}, {"property": NAME, OP: VALUE} and {"person": NAME, OP: VALUE} \
            with is, is_not, gt, gte, lt, lte, contains, starts_with, exists, in. {"did": NAME or [NAMES]} asks what \
            the person did, with at_least, at_most or exactly N (0 finds who never did it), "within": "30d" (before \
            now; or {"from": T, "to": T}), "first_ever": true (for the first time within it), and "where": a \
            condition on the events that count.

            --format kissmetrics makes a folder in the layout of KISSmetrics' own export: revisions/N.json, index.csv and \
            status.csv hold events, property changes and aliases in the order in which they were stored. Another run into \
            the same folder adds what is new as further revisions; those that are there never change.

            The file appears whole or not at all, and after it PATH.manifest.json, which says what is in it: check \
            it with 'sluice verify'. With --out - the rows go to standard output, the manifest to standard error; a \
            named pipe or a device is written through like that. A link stays, and the file behind it is replaced.

            'sluice export report' writes the answer of --report (JSON, @FILE, or a saved report's id), a row for each number; \
            with --cell the people behind one, such as '{"step":2,"outcome":"dropped"}'.

            For spreadsheets a CSV can be as they want it: --bom, --delimiter ';', --decimal , (numbers alone, not \
            texts or JSON), --formula-guard, and times of a zone (2026-03-29T03:00:00.000000+02:00) with --timezone \
            Europe/Berlin. The zone is first of all that of --from and --to without one: where such are given, times \
            are written in it only beside one of the four flags before.

            With --encrypt the file is one of age's: 'age -d -i KEYFILE PATH' opens it. The manifest stays readable. \
            --identity opens the files right after they are written and checks them, as 'sluice verify' does later; \
            the identity stays in this process.

            Examples:
              sluice export events --data ./data --out events.csv
              sluice export people --data ./data --columns 'person_id,person.email as email' --out people.parquet
              sluice export people --data ./data --bom --delimiter ';' --decimal , --formula-guard --out people.csv
              sluice export events --data ./data --estimate
              sluice export events --data ./data --format kissmetrics --out ./kissmetrics
              sluice export people --data ./data --columns 'identities,"count(Purchased)"' \\
                --where '{"did":"Purchased","at_least":2,"within":"30d"}' --out buyers.csv
              sluice export events --data ./data --from -7d --where '{"event":"Purchased"}' --out - | head
              sluice export people --data ./data --encrypt age1… --identity key.txt --out people.csv.gz.age
            """)

    @Argument(help: "people, events, property-changes, aliases, identities or report.")
    var dataset: DatasetName

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The file to write, with kissmetrics the folder; - is standard output.", valueName: "PATH|-"))
    var out: String?

    @OptionGroup(title: "What") var selection: ExportSelection

    @Option(
        name: .long, help: ArgumentHelp("Of report: the question, or a saved one's id.", valueName: "JSON|@FILE|ID"))
    var report: String?

    @Option(name: .long, help: ArgumentHelp("Of report: the number whose people are meant.", valueName: "JSON"))
    var cell: String?

    @OptionGroup(title: "How") var form: ExportForm

    @Option(name: .long, help: ArgumentHelp("Check what was encrypted with this identity file.", valueName: "FILE"))
    var identity: String?

    @OptionGroup(title: "Where from") var connection: ConnectionOptions

    @Flag(name: .long, help: "Say how many rows and bytes it will be and how long it will take; write nothing.")
    var estimate = false

    @Flag(name: .long, help: "Print the manifest (or the estimate) on standard output as one JSON document.")
    var json = false

    func validate() throws {
        guard (dataset == .report) == (report != nil), cell == nil || report != nil else {
            throw ValidationError(
                "--report, and --cell beside it, go with 'sluice export report', which needs --report.")
        }
        guard let out else {
            guard estimate else { throw ValidationError("--out is missing: name a file, or - for standard output.") }
            return
        }
        guard !out.isEmpty else { throw ValidationError("--out must name a file, or - for standard output.") }
        let isStandardOutput = ExportTarget.isStandardOutput(out)
        guard !isStandardOutput || form.format != .kissmetrics else {
            throw ValidationError("--format kissmetrics writes a folder; --out must name one.")
        }
        guard !isStandardOutput || form.partRows == nil else {
            throw ValidationError("--part-rows splits into files; with --out \(out) there is none.")
        }
        guard !isStandardOutput || !json || estimate else {
            throw ValidationError(
                "--json and --out \(out) both want standard output; the manifest goes to standard error.")
        }
        guard !form.encrypt.isEmpty || !out.lowercased().hasSuffix(ExportForm.encryptedSuffix) else {
            throw ValidationError("--out ends in .age, but nobody is named to encrypt for: add --encrypt age1….")
        }
        guard identity == nil || !form.encrypt.isEmpty else {
            throw ValidationError("--identity checks what --encrypt encrypts; without it, use 'sluice verify'.")
        }
        guard identity == nil || !isStandardOutput else {
            throw ValidationError("--identity reads the files again; with --out \(out) there are none.")
        }
    }

    func run() async throws {
        var members: [JSONValue.Member] = [.init("dataset", .string(dataset.rawValue))]
        if let report {
            let isDocument = report.hasPrefix("{") || report.hasPrefix("@")
            members.append(
                isDocument
                    ? .init("report", try JSONArgument.read(report, "--report")) : .init("report_id", .string(report)))
        }
        if let cell { members.append(.init("cell", try JSONArgument.read(cell, "--cell"))) }
        members += try selection.members()
        members += form.members(out: out ?? "")
        let spec = JSONValue.object(members)
        if estimate { return try await tellEstimate(of: spec) }
        guard let out else { return }
        let target = form.format == .kissmetrics ? try ExportTarget(folder: out) : try ExportTarget(out)
        if case .stream = target, form.partRows != nil {
            throw Failure(.usage, "--part-rows splits into files; \(out) is a pipe or a device")
        }
        let identities = try identities(for: target, out)
        let manifest = try await Session.run(connection, onlyExports: true) { client in
            try await ExportRun(client: client, spec: spec, target: target).run()
        }
        switch target {
        case .stream where json: try Terminal.line(manifest.text)
        case .standardOutput, .stream: Terminal.note(manifest.text)
        case .file(let path):
            try tell(manifest, path: path)
            if !identities.isEmpty { try await check(path, identities) }
        case .folder(let path): try reportRevisions(manifest, path: path)
        }
    }

    private func reportRevisions(_ manifest: JSONValue, path: String) throws {
        if json { return try Terminal.line(manifest.text) }
        let revisions = manifest["layout"]?["revisions"]?.arrayValue ?? []
        let numbers = revisions.compactMap { $0["number"]?.intValue }
        let span = numbers.count > 1 ? " (\(numbers[0]) to \(numbers[numbers.count - 1]))" : ""
        try Terminal.line(
            """
            \(path): \(Text.count(Int64(numbers.count), "new revision"))\(span), \
            \(Text.count(manifest["rows"]?.intValue ?? 0, "line")), \(Text.bytes(manifest["bytes"]?.intValue ?? 0))
            manifest: \(path).manifest.json
            """)
        for (key, what) in [("changed", "not as they were"), ("left_out", "left out")] {
            guard case .object(let members)? = manifest["layout"]?[key] else { continue }
            let counted = members.compactMap { member -> String? in
                guard let count = member.value.intValue, count > 0 else { return nil }
                return "\(Text.count(count)) \(member.key.split(separator: "_").joined(separator: " "))"
            }
            if !counted.isEmpty { Terminal.note("\(what): \(counted.joined(separator: ", "))") }
        }
    }

    private func tellEstimate(of spec: JSONValue) async throws {
        let estimate = try await Session.run(connection) { client in
            try await client.patiently { try await Estimate.ask(client, spec) }
        }
        try Terminal.line(json ? estimate.json.text : estimate.text)
    }

    /// The identities of `--identity`, read before anything is written: they must be able to open what will be.
    private func identities(for target: ExportTarget, _ out: String) throws -> [AgeIdentity] {
        guard let identity else { return [] }
        if case .stream = target {
            throw Failure(.usage, "--identity reads the files again; \(out) is a pipe or a device")
        }
        let identities = try IdentityFile.read(identity)
        guard identities.contains(where: { form.encrypt.contains($0.recipient.text) }) else {
            throw Failure(.usage, "--identity \(identity): it opens nothing that is encrypted for these recipients")
        }
        return identities
    }

    /// Opens what was written, and says so.
    private func check(_ path: String, _ identities: [AgeIdentity]) async throws {
        let found = try await OffPool.run { try Verify.check(path + Manifest.suffix, identities) }
        guard !json, let opened = found.opened else { return }
        try Terminal.line("opened and checked: \(Text.bytes(opened.bytes)) are encrypted, SHA-256 \(opened.sha256)")
    }

    private func tell(_ manifest: JSONValue, path: String) throws {
        if json { return try Terminal.line(manifest.text) }
        let parts = manifest["parts"]?.arrayValue ?? []
        let files = parts.count > 1 ? " in \(parts.count) files beside \(path)" : ""
        let name = parts.count > 1 ? "" : "\(path): "
        try Terminal.line(
            """
            \(name)\(Text.count(manifest["rows"]?.intValue ?? 0, "row")), \
            \(Text.bytes(manifest["bytes"]?.intValue ?? 0))\(files)
            manifest: \(path).manifest.json
            """)
        guard let before = manifest["aged"]?["before"]?.stringValue else { return }
        try Terminal.line("retention took what it asks for of before \(before): it had other rows once")
    }
}

/// The datasets, by the names that the command line takes.
enum DatasetName: String, CaseIterable, ExpressibleByArgument {
    case people, events, aliases, identities, report
    case propertyChanges = "property_changes"

    init?(argument: String) { self.init(rawValue: String(argument.map { $0 == "-" ? "_" : $0 })) }
    static var allValueStrings: [String] {
        ["people", "events", "property-changes", "aliases", "identities", "report"]
    }
}
