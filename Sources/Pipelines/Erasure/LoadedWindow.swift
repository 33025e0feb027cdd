internal import Destinations
internal import EventStore
internal import Model

/// A file of a pipeline's at a destination, by its manifest.
struct LoadedWindow {
    private let json: JSONValue
    /// The specification of the export that it is of; nil if the manifest has none.
    let spec: JSONValue?
    /// Whether it may have rows that the store has no more, since they were too old.
    let isAged: Bool

    init(_ manifest: JSONValue, agedThrough: Int64) {
        (json, spec) = (manifest, manifest["spec"])
        isAged = Self.isOfItems(spec) && (spec?["seq_from"]?.intValue ?? 0) < agedThrough
    }

    /// Whether its rows are items that were collected, of which the store says by `seq` which went.
    var isOfItems: Bool { Self.isOfItems(spec) }

    private static func isOfItems(_ spec: JSONValue?) -> Bool {
        [Dataset.events, .propertyChanges].map(\.rawValue).contains(spec?["dataset"]?.stringValue ?? "")
    }

    /// Whether a pipeline's steps made its rows: the store's in their place would show what those steps took out.
    var isTransformed: Bool { json[LoadBatch.transformedMark] == true }
    var isOfTheStore: Bool { !isTransformed && !isAged }

    var seqFrom: Int64 { spec?["seq_from"]?.intValue ?? 0 }
    var seqTo: Int64 { spec?["seq_to"]?.intValue ?? spec?["as_of_seq"]?.intValue ?? 0 }
    var erasureEpoch: Int64 { json["erasure_epoch"]?.intValue ?? 0 }
    var run: String { json["run_id"]?.stringValue ?? "rewritten" }
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

    /// What its columns hold that tells whose a row is; none if the manifest does not say.
    var telling: [String: RowErasure.Holds] {
        guard case .object(let members) = json[LoadBatch.tellingMark] ?? .null else { return [:] }
        let found = members.compactMap { member in
            member.value.stringValue.flatMap(RowErasure.Holds.init).map { (member.key, $0) }
        }
        return Dictionary(found) { first, _ in first }
    }

    /// The manifest of the file once rows went: with another specification, and of a store that has forgotten somebody.
    ///
    /// What is of the load, such as the file's name, is added by the destination.
    func manifest(_ spec: JSONValue, epoch: Int64) -> JSONValue {
        guard case .object(let members) = json else { return json }
        let ofLoads = ["pipeline", "installation", "erasure_epoch"]
        return .object(
            members.filter { !ofLoads.contains($0.key) }.map {
                $0.key == "spec" ? .init("spec", spec) : $0
            } + [.init("erasure_epoch", JSONValue(epoch))])
    }
}
