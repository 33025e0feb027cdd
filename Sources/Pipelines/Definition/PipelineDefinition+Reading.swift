public import Destinations
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
