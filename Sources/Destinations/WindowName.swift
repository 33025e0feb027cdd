internal import Model

/// What a window's file is called: `PIPELINE-0000000000000-0000000000042.csv`. Names sort as windows follow one another.
struct WindowName {
    static let suffix = ".manifest.json"
    private static let digits = 13

    let pipeline: String
    let seqFrom: Int64
    let seqTo: Int64
    let ending: String

    init(_ batch: LoadBatch) {
        pipeline = batch.stream.pipeline
        seqFrom = batch.isIncremental ? batch.seqFrom : 0
        seqTo = batch.seqTo
        ending = batch.suffix
    }

    /// Reads the name of a manifest; nil if it is none of ours.
    init?(_ name: String) {
        guard name.hasSuffix(Self.suffix) else { return nil }
        let file = name.dropLast(Self.suffix.count)
        let stem = file.prefix { $0 != "." }
        let parts = stem.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, let to = parts.last, let from = parts.dropLast().last, to.count >= Self.digits,
            from.count >= Self.digits, let seqTo = Int64(to), let seqFrom = Int64(from)
        else { return nil }
        self.seqTo = seqTo
        self.seqFrom = seqFrom
        pipeline = parts.dropLast(2).joined(separator: "-")
        ending = String(file.dropFirst(stem.count))
    }

    /// Where the window of a finished file ends; 0 where the name is none of ours.
    static func seqTo(_ file: String) -> Int64 { WindowName(file + suffix)?.seqTo ?? 0 }

    var file: String { "\(pipeline)-\(Self.padded(seqFrom))-\(Self.padded(seqTo))\(ending)" }

    private static func padded(_ seq: Int64) -> String {
        let text = String(seq)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// The export's manifest with the file's name of here, and whose load it is.
    static func manifest(_ batch: LoadBatch) -> JSONValue {
        guard case .object(let members) = batch.manifest else { return batch.manifest }
        let name = WindowName(batch).file
        let changed = members.map { member -> JSONValue.Member in
            switch member.key {
            case "parts":
                let part: JSONValue = [
                    "file": .string(name), "rows": JSONValue(batch.rows), "bytes": JSONValue(batch.bytes),
                    "sha256": .string(batch.sha256),
                ]
                return .init("parts", [part])
            case "run_id": return .init("run_id", .string(batch.run))
            case "stale": return .init("stale", .bool(batch.isStale))
            default: return member
            }
        }
        return .object(
            changed + [
                .init("pipeline", .string(batch.stream.pipeline)),
                .init("installation", .string(batch.stream.installation)),
            ])
    }
}
