internal import Destinations
internal import EventStore
internal import Model

/// A file of a pipeline's at a destination, by its manifest.
struct LoadedWindow {
    private let json: JSONValue
    /// The specification of the export that it is of; nil if the manifest has none.
    let spec: JSONValue?
    /// Whether the store may have had more history when it was loaded than it has now.
    let isBeforeAging: Bool
    /// Whether it may have rows that the store has no more, since they were too old.
    let isAged: Bool

    init(_ manifest: JSONValue, aged: AgedRows) {
        (json, spec) = (manifest, manifest["spec"])
        let isLasting = [Dataset.identities, .aliases].map(\.rawValue).contains(spec?["dataset"]?.stringValue ?? "")
        isBeforeAging = (manifest["erasure_epoch"]?.intValue ?? 0) < aged.epoch
        isAged = isBeforeAging && !isLasting && (spec?["seq_from"]?.intValue ?? 0) < aged.through
    }

    /// Whether its rows are items that were collected, of which the store says by `seq` which went.
    var isOfItems: Bool {
        [Dataset.events, .propertyChanges].map(\.rawValue).contains(spec?["dataset"]?.stringValue ?? "")
    }

    /// Whether a pipeline's steps made its rows: the store's in their place would show what those steps took out.
    var isTransformed: Bool { json[LoadBatch.transformedMark] == true }
    var isOfTheStore: Bool { !isTransformed && !isAged }
    /// Whether a query made the rows: that none is told by a column says nothing.
    var isDerived: Bool { json[LoadBatch.derivedMark] == true }
    /// Erasures whose rows were taken out of the file itself.
    var erasures: [String] { (json[LoadBatch.erasuresMark]?.arrayValue ?? []).compactMap(\.stringValue) }

    /// An erasure that was about to put another file in this one's place, and the SHA-256 of that.
    var intent: (erasure: String, sha256: String)? {
        guard let erasure = json[LoadBatch.intentMark]?["erasure"]?.stringValue,
            let sha256 = json[LoadBatch.intentMark]?["sha256"]?.stringValue
        else { return nil }
        return (erasure, sha256)
    }

    /// The file's name.
    var file: String { json["parts"]?.arrayValue?.first?["file"]?.stringValue ?? "" }
    var dataset: String { spec?["dataset"]?.stringValue ?? "" }
    var format: String { spec?["format"]?.stringValue ?? "csv" }
    /// What the file's name ends with, such as `.csv.gz`.
    var suffix: String { String(decoding: file.utf8.drop { $0 != 0x2e }, as: UTF8.self) }
    /// Whether the file is named after where its window begins.
    var isIncremental: Bool { spec?["seq_from"] != nil || spec?["seq_to"] != nil }

    var seqFrom: Int64 { spec?["seq_from"]?.intValue ?? 0 }
    var seqTo: Int64 { spec?["seq_to"]?.intValue ?? spec?["as_of_seq"]?.intValue ?? 0 }
    var erasureEpoch: Int64 { json["erasure_epoch"]?.intValue ?? 0 }
    /// The run that loaded it. A name of ours or none: others may write where the manifest lies.
    var run: String {
        guard let run = json["run_id"]?.stringValue, PathText.isName(run) else { return "unknown" }
        return run
    }
    var rows: Int64 { json["rows"]?.intValue ?? 0 }
    var bytes: Int64 { json["parts"]?.arrayValue?.first?["bytes"]?.intValue ?? 0 }
    var sha256: String { json["parts"]?.arrayValue?.first?["sha256"]?.stringValue ?? "" }
    var isStale: Bool { json["stale"]?.boolValue ?? false }
    var columns: [LoadColumn] {
        (json["columns"]?.arrayValue ?? []).compactMap { column in
            guard let name = column["name"]?.stringValue, let type = column["type"]?.stringValue else { return nil }
            return LoadColumn(name, type)
        }
    }

    /// What its columns hold that tells whose a row is; nil if the manifest does not say, as in those of earlier versions.
    var telling: [String: RowErasure.Holds]? {
        guard case .object(let members) = json[LoadBatch.tellingMark] ?? .null else { return nil }
        let found = members.compactMap { member in
            member.value.stringValue.flatMap(RowErasure.Holds.init).map { (member.key, $0) }
        }
        return Dictionary(found) { first, _ in first }
    }

    /// Columns that are called after persons, with what they are called from now on: no two alike.
    func renames(_ renamed: (String) -> String) -> [String: String] {
        var (taken, found): (Set<String>, [String: String]) = (Set(columns.map(\.name)), [:])
        for column in columns {
            let plain = renamed(column.name)
            guard plain != column.name else { continue }
            var (name, number) = (plain, 2)
            while !taken.insert(name).inserted { (name, number) = ("\(plain) \(number)", number + 1) }
            found[column.name] = name
        }
        return found
    }

    /// The manifest under another specification, and other names of columns. What is of the load, such as the file's name, is added by the
    /// destination.
    ///
    /// - Parameter done: the erasures whose rows went out of the file itself: others' that went from the store meanwhile may be in it still.
    func manifest(_ spec: JSONValue, _ renames: [String: String] = [:], after done: [String]) -> JSONValue {
        guard case .object(let members) = json else { return json }
        let left = members.filter { ![LoadBatch.erasuresMark, LoadBatch.intentMark].contains($0.key) }
        var changed = Self.withoutLoad(left).map { member -> JSONValue.Member in
            switch member.key {
            case "spec": return .init("spec", spec)
            case "columns":
                let columns = columns.map { column -> JSONValue in
                    ["name": .string(renames[column.name] ?? column.name), "type": .string(column.type)]
                }
                return .init("columns", .array(columns))
            case LoadBatch.tellingMark:
                guard case .object(let told) = member.value else { return member }
                return .init(member.key, .object(told.map { .init(renames[$0.key] ?? $0.key, $0.value) }))
            default: return member
            }
        }
        if !done.isEmpty { changed.append(.init(LoadBatch.erasuresMark, .array(done.map { .string($0) }))) }
        return .object(changed)
    }

    /// The manifest as it is, which says too that another file is about to take the place of this one.
    func manifest(before erasure: String, puts sha256: String) -> JSONValue {
        guard case .object(let members) = json else { return json }
        let intent: JSONValue = ["erasure": .string(erasure), "sha256": .string(sha256)]
        return .object(
            Self.withoutLoad(members.filter { $0.key != LoadBatch.intentMark })
                + [.init(LoadBatch.intentMark, intent)])
    }

    private static func withoutLoad(_ members: [JSONValue.Member]) -> [JSONValue.Member] {
        members.filter { !["pipeline", "installation"].contains($0.key) }
    }
}

/// What retention took out of the store.
public struct AgedRows: Sendable {
    /// The largest `seq` of it.
    public var through: Int64
    /// The store's number after the last time.
    public var epoch: Int64

    public init(through: Int64 = 0, epoch: Int64 = 0) { (self.through, self.epoch) = (through, epoch) }
}
