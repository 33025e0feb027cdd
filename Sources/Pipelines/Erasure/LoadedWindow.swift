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

    /// The manifest of the file once an erasure's rows went out of it: others' that went from the store meanwhile may be in it still.
    ///
    /// What is of the load, such as the file's name, is added by the destination.
    func manifest(_ spec: JSONValue, after erasure: String) -> JSONValue {
        guard case .object(let members) = json else { return json }
        let ofLoads = ["pipeline", "installation", LoadBatch.erasuresMark]
        let done = (erasures + [erasure]).map { JSONValue.string($0) }
        return .object(
            members.filter { !ofLoads.contains($0.key) }.map {
                $0.key == "spec" ? .init("spec", spec) : $0
            } + [.init(LoadBatch.erasuresMark, .array(done))])
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
