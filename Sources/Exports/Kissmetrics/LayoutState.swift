internal import Model

/// One file of the KISSmetrics layout: `revisions/N.json`.
public struct LayoutRevision: Sendable, Equatable {
    /// N, from 1.
    public var number: Int64
    public var lines: Int64
    public var bytes: Int64
    /// Of the file's bytes, in hexadecimal.
    public var sha256: String
    /// The smallest and the largest `_t` of its lines.
    public var from: Int64
    public var to: Int64

    public init(number: Int64, lines: Int64, bytes: Int64, sha256: String, from: Int64, to: Int64) {
        self.number = number
        self.lines = lines
        self.bytes = bytes
        self.sha256 = sha256
        self.from = from
        self.to = to
    }

    /// The file's name in the layout's folder.
    public var file: String { "revisions/\(number).json" }

    /// The revision's line in `index.csv`.
    var indexLine: String { "\(file),\(from),\(to),\(Self.minute(from)),\(Self.minute(to))\n" }

    /// `2012-10-25 17:50 GMT`
    static func minute(_ second: Int64) -> String {
        let text = Timestamp(microseconds: second * 1_000_000).text
        let time = text.dropFirst(11).prefix(5)
        return "\(text.prefix(10)) \(time) GMT"
    }

    var json: JSONValue {
        [
            "number": JSONValue(number), "lines": JSONValue(lines), "bytes": JSONValue(bytes),
            "sha256": .string(sha256), "min_timestamp": JSONValue(from), "max_timestamp": JSONValue(to),
        ]
    }

    init?(json: JSONValue) {
        guard let number = json["number"]?.intValue, let lines = json["lines"]?.intValue,
            let bytes = json["bytes"]?.intValue, let sha256 = json["sha256"]?.stringValue,
            let from = json["min_timestamp"]?.intValue, let to = json["max_timestamp"]?.intValue
        else { return nil }
        self.init(number: number, lines: lines, bytes: bytes, sha256: sha256, from: from, to: to)
    }
}

/// How far the layout in a folder is: the file that says so is written last of all in the folder.
struct LayoutState: Sendable, Equatable {
    /// A run's revisions that are whole, on their way to their names. Whoever finds it finishes it: some may have their names
    /// already, and then they stay as they are.
    struct Publishing: Sendable, Equatable {
        /// The folder in which the revisions lie until they are named.
        var temporary: String
        var revisions: [LayoutRevision]
        var manifest: Manifest
    }

    static let fileName = "sluice-state.json"
    static let version: Int64 = 1

    /// Everything up to this `seq` is in the layout.
    var seq: Int64 = 0
    var revisions: Int64 = 0
    /// The size of `index.csv`.
    var indexBytes: Int64 = 0
    /// The manifest of the last run.
    var manifest: Manifest?
    var publishing: Publishing?

    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("version", JSONValue(Self.version)), .init("seq", JSONValue(seq)),
            .init("revisions", JSONValue(revisions)), .init("index_bytes", JSONValue(indexBytes)),
        ]
        if let manifest { members.append(.init("manifest", manifest.json)) }
        if let publishing {
            members.append(
                .init(
                    "publishing",
                    [
                        "temporary": .string(publishing.temporary),
                        "revisions": .array(publishing.revisions.map(\.json)), "manifest": publishing.manifest.json,
                    ]))
        }
        return .object(members)
    }

    init() {}

    /// Reads the file's JSON; nil if it is another program's.
    init?(json: JSONValue) {
        guard json["version"]?.intValue == Self.version, let seq = json["seq"]?.intValue,
            let revisions = json["revisions"]?.intValue, let bytes = json["index_bytes"]?.intValue
        else { return nil }
        (self.seq, self.revisions, indexBytes) = (seq, revisions, bytes)
        if let value = json["manifest"] {
            guard let read = try? Manifest(json: value) else { return nil }
            manifest = read
        }
        if let value = json["publishing"] {
            let files = value["revisions"]?.arrayValue ?? []
            let read = files.compactMap { LayoutRevision(json: $0) }
            guard read.count == files.count, let temporary = value["temporary"]?.stringValue,
                PathText.isName(temporary), let manifest = try? Manifest(json: value["manifest"] ?? .null)
            else { return nil }
            publishing = Publishing(temporary: temporary, revisions: read, manifest: manifest)
        }
    }
}
