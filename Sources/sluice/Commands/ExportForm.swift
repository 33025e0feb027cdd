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
        help: ArgumentHelp("Split into files of that many rows; kissmetrics has 100000 if not said.", valueName: "N"))
    var partRows: Int64?

    enum Format: String, CaseIterable, ExpressibleByArgument { case csv, ndjson, parquet, kissmetrics }
    enum Compression: String, CaseIterable, ExpressibleByArgument { case none, gzip, zstd }

    func validate() throws {
        if let partRows, partRows < 1 { throw ValidationError("--part-rows must be at least 1.") }
    }

    /// The specification's members that these flags and the file's name give.
    func members(out: String) -> [JSONValue.Member] {
        var name = out.lowercased()[...]
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
        if let partRows { members.append(.init("part_rows", JSONValue(partRows))) }
        return members
    }
}
