internal import Connectors
public import Destinations
internal import EventStore
internal import Exports
public import Model

extension PipelineDefinition {
    static let keys = [
        "name", "description", "schedule", "export", "validate", "enrich", "map", "privacy", "load", "dbt",
        "on_failure",
        "freshness", "retain", "timeout", "after",
    ]
    static let nameRule = "1 to 63 of a-z, 0-9, _ and -, beginning with a letter or a digit"

    static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count) && !text.hasPrefix("-") && !text.hasPrefix("_")
            && text.utf8.allSatisfy { $0 &- 97 < 26 || $0 &- 48 < 10 || $0 == 0x5f || $0 == 0x2d }
    }

    /// Reads a definition as it is kept.
    public init(json: JSONValue, registry: DestinationRegistry = .builtin) throws(PipelineError) {
        try self.init(DocumentNode(json: json), registry: registry)
    }

    /// Reads all that it can, so that everything that is wrong is said at once.
    init(_ node: DocumentNode, registry: DestinationRegistry) throws(PipelineError) {
        var errors = ErrorList()
        let known = try errors.map(node, Self.keys)
        let name = errors.attempt { try Self.name(known["name"], in: node) }
        errors.attempt(known["description"]) { _ = try $0.text() }
        let timing = errors.attempt(known["schedule"]) { try Self.timing($0) }
        let load = errors.attempt { try Self.load(known["load"], in: node, registry) }
        let spec = errors.attempt { try Self.export(known["export"], in: node, mode: load?.mode) }
        let failure = errors.attempt(known["on_failure"]) { try Self.failure($0) }
        self.name = name ?? ""
        (schedule, lag) = (timing?.schedule, timing?.lag)
        after = errors.attempt(known["after"]) { try Self.after($0, name: name ?? "") } ?? []
        self.load = load ?? LoadPlan(target: .named(""), mode: nil, key: [], evolves: true)
        (export, isIncremental) = (spec?.json ?? .null, spec?.isIncremental ?? false)
        validation = errors.attempt(known["validate"]) { try ValidationPlan($0) } ?? ValidationPlan()
        transform =
            errors.attempt {
                try TransformPlan(
                    enrich: known["enrich"], map: known["map"], privacy: known["privacy"], sources: .builtin)
            } ?? TransformPlan()
        dbt = errors.attempt(known["dbt"]) { try DbtPlan($0) }
        (retry, fallsBack, alerts) = failure ?? (RetryPolicy(), false, [AlertTarget]?.none)
        freshness = errors.attempt(known["freshness"]) { try Self.freshness($0) }
        retention = errors.attempt(known["retain"]) { try FileRetention($0) } ?? FileRetention()
        timeout = errors.attempt(known["timeout"]) { try $0.duration() } ?? 3_600_000_000
        json = node.json
        // Whether the parts go together, once they are known.
        if load != nil, spec != nil, let place = known["load"] {
            errors.attempt { try checkMode(place) }
            if case .inline(let settings) = self.load.target {
                errors.attempt { try check(settings, registry, at: place) }
            }
        }
        if lag != nil, spec != nil { errors.attempt { try checkContinuous(known, node) } }
        try errors.finish()
    }

    private static func name(_ node: DocumentNode?, in whole: DocumentNode) throws(PipelineError) -> String {
        guard let node else { throw whole.error("\"name\" is missing: what the pipeline is called") }
        let name = try node.text("a name")
        guard isName(name) else { throw node.error("\"\(name)\" is no name: \(nameRule)") }
        return name
    }

    private func checkContinuous(
        _ known: [String: DocumentNode], _ node: DocumentNode
    ) throws(PipelineError) {
        guard isIncremental else {
            throw (known["schedule"] ?? node).error(
                "continuous loads what is new, again and again: it goes with incremental: true")
        }
        if let found = known["after"] { throw found.error("\"after\" does not go with continuous") }
    }

    /// By cron, or continuously with how late something may be loaded.
    private static func timing(
        _ node: DocumentNode
    ) throws(PipelineError) -> (schedule: Schedule?, lag: Int64?) {
        if let lag = try continuous(node) { return (nil, lag) }
        return (try schedule(node), nil)
    }

    /// `schedule: { continuous: true }`, or with how late something may be loaded: `{ continuous: 10s }`; nil if it is by cron.
    private static func continuous(_ node: DocumentNode) throws(PipelineError) -> Int64? {
        guard case .map(let entries) = node.content, entries.contains(where: { $0.key == "continuous" }) else {
            return nil
        }
        let known = try node.map(["continuous"])
        guard let found = known["continuous"] else { return nil }
        if case .scalar(.bool(true)) = found.content { return 5_000_000 }
        guard let lag = try? found.duration(), (1_000_000...3_600_000_000).contains(lag) else {
            throw found.error("here should be true, or how late something may be loaded: 1s to 1h")
        }
        return lag
    }

    private static func schedule(_ node: DocumentNode) throws(PipelineError) -> Schedule {
        let known = try node.map(["cron", "timezone", "jitter", "buffer", "catch_up"])
        guard let cronNode = known["cron"] else { throw node.error("\"cron\" is missing, such as \"0 6 * * *\"") }
        let text = try cronNode.text("five fields such as \"0 6 * * *\"")
        let cron: CronExpression
        do { cron = try CronExpression(text) } catch { throw cronNode.error(error.message) }
        let zone: ZoneClock
        do { zone = try ZoneClock(try known["timezone"]?.text() ?? "UTC") } catch {
            throw known["timezone"]?.error(error.message) ?? error
        }
        return Schedule(
            cron: cron, zone: zone, buffer: try known["buffer"]?.duration() ?? 0,
            jitter: try known["jitter"]?.duration() ?? 0,
            catchUp: try known["catch_up"]?.choice(Schedule.CatchUp.self) ?? .latest)
    }

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

    private static func export(
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

    private static func load(
        _ found: DocumentNode?, in whole: DocumentNode, _ registry: DestinationRegistry
    ) throws(PipelineError) -> LoadPlan {
        guard let node = found else {
            throw whole.error(
                "\"load\" is missing: where rows go, such as { destination: { type: folder, path: out } }")
        }
        let known = try node.map(["destination", "mode", "key", "schema"])
        guard let place = known["destination"] else {
            throw node.error("\"destination\" is missing: a name, or settings such as { type: folder, path: out }")
        }
        let target: LoadPlan.Target
        if case .scalar(.string(let name)) = place.content {
            guard isName(name) else { throw place.error("\"\(name)\" is no name: \(nameRule)") }
            target = .named(name)
        } else {
            try check(destination: place, registry)
            target = .inline(place.json)
        }
        var evolves = true
        if let schema = known["schema"] {
            let word = try schema.text("evolve or freeze")
            guard ["evolve", "freeze"].contains(word) else { throw schema.error("here should be evolve or freeze") }
            evolves = word == "evolve"
        }
        return LoadPlan(
            target: target, mode: try known["mode"]?.choice(LoadMode.self),
            key: try known["key"]?.texts("a column's name") ?? [], evolves: evolves)
    }

    /// Checks a destination's settings, each error at its place.
    static func check(destination node: DocumentNode, _ registry: DestinationRegistry) throws(PipelineError) {
        let entries = try node.entries()
        guard let typeNode = entries.first(where: { $0.key == "type" })?.value else {
            throw node.error("\"type\" is missing; there are \(registry.kinds.joined(separator: ", "))")
        }
        let kind = try typeNode.text("a kind of destination")
        let type: any Destination.Type
        do { type = try registry.type(kind) } catch { throw typeNode.error(error.message) }
        _ = try node.map(["type"] + type.fields.map(\.name))
        do {
            try registry.check(node.json)
            // What is kept was tried out when it came.
            if node.place != nil { try registry.tryOut(node.json) }
        } catch {
            throw node.setting(error)
        }
    }

    private static func failure(
        _ node: DocumentNode
    ) throws(PipelineError) -> (RetryPolicy, Bool, [AlertTarget]?) {
        let known = try node.map(["retry", "fallback", "alert"])
        var policy = RetryPolicy()
        if let retry = known["retry"] {
            let parts = try retry.map(["attempts", "backoff", "base"])
            policy.attempts = Int(try parts["attempts"]?.integer(1...20) ?? Int64(policy.attempts))
            policy.backoff = try parts["backoff"]?.choice(RetryPolicy.Backoff.self) ?? .exponential
            policy.base = try parts["base"]?.duration() ?? policy.base
        }
        var fallsBack = false
        if let fallback = known["fallback"] {
            let word = try fallback.text("previous or none")
            guard ["previous", "none"].contains(word) else { throw fallback.error("here should be previous or none") }
            fallsBack = word == "previous"
        }
        return (policy, fallsBack, try known["alert"].map(Self.alerts))
    }

    private static func freshness(_ node: DocumentNode) throws(PipelineError) -> FreshnessLimits {
        let known = try node.map(["warn_after", "fail_after"])
        let limits = FreshnessLimits(
            warnAfter: try known["warn_after"]?.duration(), failAfter: try known["fail_after"]?.duration())
        if let warn = limits.warnAfter, let fail = limits.failAfter, warn > fail {
            throw node.error("\"warn_after\" is longer than \"fail_after\"")
        }
        return limits
    }
}
