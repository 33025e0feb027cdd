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

    init(_ node: DocumentNode, registry: DestinationRegistry) throws(PipelineError) {
        let known = try node.map(Self.keys)
        guard let nameNode = known["name"] else { throw node.error("\"name\" is missing: what the pipeline is called") }
        name = try nameNode.text("a name")
        guard Self.isName(name) else { throw nameNode.error("\"\(name)\" is no name: \(Self.nameRule)") }
        _ = try known["description"]?.text()
        if let found = known["schedule"], let lag = try Self.continuous(found) {
            (schedule, self.lag) = (nil, lag)
        } else {
            schedule = if let found = known["schedule"] { try Self.schedule(found) } else { nil }
        }
        after = if let found = known["after"] { try Self.after(found, name: name) } else { [] }
        guard let exportNode = known["export"] else {
            throw node.error("\"export\" is missing: what is sent, such as { dataset: events }")
        }
        guard let loadNode = known["load"] else {
            throw node.error("\"load\" is missing: where rows go, such as { destination: { type: folder, path: out } }")
        }
        load = try Self.load(loadNode, registry)
        let spec = try Self.export(exportNode, mode: load.mode)
        (export, isIncremental) = (spec.json, spec.isIncremental)
        validation = if let found = known["validate"] { try ValidationPlan(found) } else { ValidationPlan() }
        transform = try TransformPlan(
            enrich: known["enrich"], map: known["map"], privacy: known["privacy"], sources: .builtin)
        dbt = if let found = known["dbt"] { try DbtPlan(found) } else { nil }
        (retry, fallsBack, alerts) =
            if let found = known["on_failure"] { try Self.failure(found) } else {
                (RetryPolicy(), false, [AlertTarget]?.none)
            }
        freshness = if let found = known["freshness"] { try Self.freshness(found) } else { nil }
        retention = if let found = known["retain"] { try FileRetention(found) } else { FileRetention() }
        timeout = try known["timeout"]?.duration() ?? 3_600_000_000
        json = node.json
        try checkMode(loadNode)
        if lag != nil, !isIncremental {
            throw (known["schedule"] ?? node).error(
                "continuous loads what is new, again and again: it goes with incremental: true")
        }
        if lag != nil, let found = known["after"] { throw found.error("\"after\" does not go with continuous") }
        if case .inline(let settings) = load.target { try check(settings, registry, at: loadNode) }
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
        "as_of",
    ]

    private static func export(
        _ node: DocumentNode, mode: LoadMode?
    ) throws(PipelineError) -> (json: JSONValue, isIncremental: Bool) {
        let known = try node.map(exportKeys)
        guard let datasetNode = known["dataset"] else { throw node.error("\"dataset\" is missing, such as events") }
        let dataset: Dataset
        do { dataset = try Dataset(name: try datasetNode.text("a dataset")) } catch {
            throw datasetNode.error(
                "there is no such dataset; there are people, events, property_changes, aliases, identities")
        }
        guard dataset != .report else { throw datasetNode.error("a report is no dataset of a pipeline") }
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
                case "where": !namesSaved(member.value)
                default: true
                }
            })
    }

    private static func namesSaved(_ json: JSONValue) -> Bool {
        switch json {
        case .object(let members): members.contains { ["segment", "column"].contains($0.key) || namesSaved($0.value) }
        case .array(let values): values.contains(where: namesSaved)
        default: false
        }
    }

    private static func load(
        _ node: DocumentNode, _ registry: DestinationRegistry
    ) throws(PipelineError) -> LoadPlan {
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
        do { try registry.check(node.json) } catch {
            let named = entries.first { error.message.contains("\"\($0.key)\"") }?.value
            throw (named ?? node).error(error.message)
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
