internal import Destinations
internal import EventStore
internal import Exports
internal import Model

/// Reads `export`: what is sent.
extension PipelineDefinition {
    /// The columns of events where none are named.
    static let eventColumns = ["seq", "event_id", "identity", "event", "timestamp", "received_at", "properties"]
    private static let exportKeys = [
        "dataset", "columns", "where", "from", "to", "timezone", "identified", "incremental", "format", "compression",
        "as_of", "report", "report_id",
    ]
    /// Those of a report: what it asks for stands in the report itself.
    private static let reportKeys: Set<String> = [
        "dataset", "incremental", "format", "compression", "as_of", "report", "report_id",
    ]

    static func export(
        _ found: DocumentNode?, in whole: DocumentNode, mode: LoadMode?
    ) throws(PipelineError) -> (json: JSONValue, isIncremental: Bool) {
        guard let node = found else {
            throw whole.error("\"export\" is missing: what is sent, such as { dataset: events }")
        }
        let known = try node.map(exportKeys)
        guard let datasetNode = known["dataset"] else { throw node.error("\"dataset\" is missing, such as events") }
        let dataset: Dataset
        do { dataset = try Dataset(name: try datasetNode.text("a dataset")) } catch {
            throw datasetNode.error(
                "there is no such dataset; there are people, events, property_changes, aliases, identities, report")
        }
        try checkReport(known, of: dataset, at: node)
        let follows = dataset == .events || dataset == .propertyChanges || dataset == .aliases
        let isIncremental = try known["incremental"]?.truth() ?? (follows && mode != .replace)
        if isIncremental, let ranged = known["from"] ?? known["to"] {
            throw ranged.error(
                "a range of time goes with incremental: false; what comes late would be missed by a range, and an incremental run has "
                    + "everything that came since the last one")
        }
        var members: [JSONValue.Member] = [.init("dataset", .string(dataset.rawValue))]
        for key in exportKeys where key != "dataset" && key != "incremental" {
            if let found = known[key] { members.append(.init(key, found.json)) }
        }
        if dataset == .events, known["columns"] == nil {
            members.append(.init("columns", .array(eventColumns.map { .string($0) })))
        }
        let json = JSONValue.object(members)
        // A saved report is the project's, too.
        if json["report_id"] != nil || json["report"].map(SavedNames.are(in:)) ?? false { return (json, isIncremental) }
        do { try ExportSpec(json: checkable(json)).check() } catch {
            // The message names the field in quotation marks, if it is about one.
            let named = known.first { error.message.contains("\"\($0.key)\"") || error.message.hasPrefix($0.key) }?
                .value
            throw (named ?? node).error(error.message)
        }
        return (json, isIncremental)
    }

    /// The specification without what only the project knows: its computed columns and saved segments. These are looked at when the
    /// pipeline is applied.
    private static func checkable(_ json: JSONValue) -> JSONValue {
        guard case .object(let members) = json else { return json }
        let isPeople = json["dataset"]?.stringValue == "people"
        return .object(
            members.filter { member in
                switch member.key {
                case "columns": !isPeople
                case "where": !SavedNames.are(in: member.value)
                default: true
                }
            })
    }

    /// Checks what a report's export may say, and that no other one names a report.
    private static func checkReport(
        _ known: [String: DocumentNode], of dataset: Dataset, at node: DocumentNode
    ) throws(PipelineError) {
        let named = known["report"] ?? known["report_id"]
        guard dataset == .report else {
            if let named { throw named.error("a report goes with dataset: report") }
            return
        }
        guard let named else { throw node.error("\"report\" is missing: a saved report's name, or the question") }
        guard known["report"] == nil || known["report_id"] == nil else {
            throw named.error("here should be \"report\" or \"report_id\", not both")
        }
        if let other = known.first(where: { !reportKeys.contains($0.key) }) {
            throw other.value.error("this does not go with a report; what it asks stands inside of the report")
        }
        if let incremental = known["incremental"], try incremental.truth() {
            throw incremental.error("a report is answered anew by each run: it is not incremental")
        }
    }
}
