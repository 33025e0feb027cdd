import Age
import ArgumentParser
import Model

/// What an export's file is like.
struct ExportForm: ParsableArguments {
    @Option(
        name: .long,
        help: "csv, ndjson, parquet or kissmetrics (a folder); if not said, as the name of the file ends, else csv.")
    var format: Format?

    @Option(
        name: .long,
        help: """
            none, gzip or zstd; if not said, as the name of the file ends, else none. Parquet is packed inside: none \
            means Snappy, its usual codec.
            """)
    var compress: Compression?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Encrypt for this age recipient (age1…), so that 'age -d' opens the file; say it again for more of them.",
            valueName: "RECIPIENT"))
    var encrypt: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("Split into files of that many rows; kissmetrics has 100000 if not said.", valueName: "N"))
    var partRows: Int64?

    @Flag(name: .long, help: "CSV: begin with the byte order mark, by which Excel knows UTF-8.")
    var bom = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("CSV: what parts the cells, one character or tab; a comma if not said.", valueName: "CHAR"))
    var delimiter: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp("CSV: what stands before the decimals of numbers, . or a comma.", valueName: ".|,"))
    var decimal: String?

    @Flag(
        name: .long,
        help: "CSV: put an apostrophe before texts that begin with = + - @, a tab or a CR, so that none is a formula.")
    var formulaGuard = false

    /// How the names of encrypted files end.
    static let encryptedSuffix = ".age"

    enum Format: String, CaseIterable, ExpressibleByArgument { case csv, ndjson, parquet, kissmetrics }
    enum Compression: String, CaseIterable, ExpressibleByArgument { case none, gzip, zstd }

    func validate() throws {
        if let partRows, partRows < 1 { throw ValidationError("--part-rows must be at least 1.") }
        for recipient in encrypt {
            do { _ = try AgeRecipient(recipient) } catch { throw ValidationError("--encrypt: \(error.message).") }
        }
    }

    /// The specification's members that these flags and the file's name give.
    func members(out: String) -> [JSONValue.Member] {
        var name = out.lowercased()[...]
        if !encrypt.isEmpty, name.hasSuffix(Self.encryptedSuffix) { name = name.dropLast(Self.encryptedSuffix.count) }
        var compression = compress
        for (ending, kind) in [(".gz", Compression.gzip), (".zst", .zstd)]
        where name.hasSuffix(ending) && format != .kissmetrics {
            name = name.dropLast(ending.count)
            compression = compression ?? kind
        }
        let named: Format? =
            if name.hasSuffix(".parquet") { .parquet } else if name.hasSuffix(".ndjson") || name.hasSuffix(".jsonl") {
                .ndjson
            } else { nil }
        var members: [JSONValue.Member] = [
            .init("format", .string((format ?? named ?? .csv).rawValue)),
            .init("compression", .string((compression ?? .none).rawValue)),
        ]
        if bom { members.append(.init("bom", true)) }
        if let delimiter { members.append(.init("delimiter", .string(delimiter))) }
        if let decimal { members.append(.init("decimal", .string(decimal))) }
        if formulaGuard { members.append(.init("formula_guard", true)) }
        if !encrypt.isEmpty { members.append(.init("encrypt", .array(encrypt.map { .string($0) }))) }
        if let partRows { members.append(.init("part_rows", JSONValue(partRows))) }
        return members
    }
}
