internal import Control
internal import EventStore
internal import Exports
internal import Model

/// What of the store an export's run could carry, by its resolved specification.
struct ExportWindow: Sendable, Equatable {
    let dataset: Dataset
    let isLayout: Bool
    /// The interval (seqFrom, seqTo] of `seq`.
    let seqFrom: Int64
    let seqTo: Int64
    /// Everything stored up to this `seq` counts.
    let asOfSeq: Int64
    /// Times in [from, to).
    let from: Timestamp?
    let to: Timestamp?

    /// Nil if the specification cannot be read.
    init?(_ record: ExportRecord) {
        guard let spec = try? JSONValue(text: record.resolved),
            let dataset = spec["dataset"]?.stringValue.flatMap(Dataset.init(rawValue:)),
            let asOfSeq = spec["as_of_seq"]?.intValue
        else { return nil }
        self.dataset = dataset
        self.asOfSeq = asOfSeq
        isLayout = spec["format"]?.stringValue == ExportFormat.kissmetrics.rawValue
        seqFrom = spec["seq_from"]?.intValue ?? 0
        seqTo = min(spec["seq_to"]?.intValue ?? asOfSeq, asOfSeq)
        func time(_ name: String) -> Timestamp? { spec[name]?.stringValue.flatMap { WrittenTime($0)?.timestamp() } }
        from = time("from")
        to = time("to")
    }

    var json: JSONValue {
        [
            "seq_from": JSONValue(seqFrom), "seq_to": JSONValue(seqTo), "as_of_seq": JSONValue(asOfSeq),
            "from": JSONValue(from), "to": JSONValue(to),
        ]
    }

    /// Whether it can hold something of a person. Conditions do not count: the answer may be yes where it held nothing.
    func canHold(_ trace: PersonTrace) -> Bool {
        switch dataset {
        case .people, .identities, .aliases, .report: trace.firstSeq <= asOfSeq
        case .events: trace.events.contains(where: holds) || isLayout && trace.changes.contains(where: holds)
        case .propertyChanges: trace.changes.contains(where: holds)
        }
    }

    private func holds(_ row: PersonTrace.Row) -> Bool {
        guard row.seq > seqFrom, row.seq <= seqTo else { return false }
        // The layout's lines of sets and aliases have no range of their own.
        if isLayout { return true }
        return from.map { row.timestamp >= $0 } ?? true && to.map { row.timestamp < $0 } ?? true
    }
}

/// When something of a person was stored, and when it happened.
struct PersonTrace: Sendable {
    struct Row: Sendable {
        let seq: Int64
        let timestamp: Timestamp
    }

    /// The `seq` of the first item that named one of the identities.
    var firstSeq: Int64
    var events: [Row] = []
    var changes: [Row] = []
}

/// Every run of an export, removed ones too: what may have left the server.
enum ExportLedger {
    private static let page = 500

    /// The runs that could hold something of a person, oldest first.
    static func runs(
        holding trace: PersonTrace, project: String, control: ControlStore
    ) async throws(ControlError) -> [ExportRecord] {
        var found: [ExportRecord] = []
        var before: Int64?
        repeat {
            let records = try await control.exports(project: project, before: before, limit: page, removed: true)
            // One that cannot be read may hold anything; one that never ran holds nothing.
            found += records.filter { $0.startedAt != nil && ExportWindow($0)?.canHold(trace) ?? true }
            before = records.count == page ? records.last?.number : nil
        } while before != nil
        return found.reversed()
    }
}
