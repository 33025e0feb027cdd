internal import Connectors
internal import Destinations
internal import Model

extension TransformPlan {
    private static let most = 32
    /// Tables of the engine's that a step may not hide.
    private static let ownNames: Set<String> = [
        "export", "sluice_export", "sluice_next", "sluice_final", "sluice_keys",
    ]

    /// Reads `enrich`, `map` and `privacy`, each of which may be missing.
    init(
        enrich: DocumentNode?, map: DocumentNode?, privacy: DocumentNode?, sources: SourceRegistry
    ) throws(PipelineError) {
        if let enrich { steps = try Self.steps(enrich, sources) }
        if let map {
            for entry in try map.entries() {
                mappings.append(Mapping(name: entry.key, from: try entry.value.text("a column's name")))
            }
            guard !mappings.isEmpty else {
                throw map.error("here should be names of columns with where they come from")
            }
        }
        if let privacy {
            var errors = ErrorList()
            for entry in try privacy.entries() {
                guard let action = errors.attempt({ try Self.action(entry.value) }) else { continue }
                self.privacy.append(PrivacyRule(entry.key, action))
            }
            try errors.finish()
        }
    }

    private static func steps(_ node: DocumentNode, _ sources: SourceRegistry) throws(PipelineError)
        -> [Step]
    {
        var steps: [Step] = []
        var names: Set<String> = []
        for entry in try node.list() {
            let known = try entry.map(["source", "sql", "as"])
            let name = try known["as"]?.text("a name")
            if let name, let place = known["as"] {
                guard PipelineDefinition.isName(name), !name.contains("-") else {
                    throw place.error("\"\(name)\" is no name of a table: 1 to 63 of a-z, 0-9 and _")
                }
                guard !ownNames.contains(name), names.insert(name).inserted else {
                    throw place.error("there is a table \"\(name)\" already")
                }
            }
            switch (known["source"], known["sql"]) {
            case (let source?, nil):
                guard let name else {
                    throw entry.error("\"as\" is missing: the name by which \"sql\" knows these rows")
                }
                try check(source, sources)
                steps.append(.source(source.json, as: name))
            case (nil, let sql?):
                steps.append(.sql(try sql.text("a query", atMost: 100_000), as: name))
            default: throw entry.error("here should be \"source\" or \"sql\"")
            }
        }
        guard steps.count <= most else { throw node.error("there are more than \(most) steps") }
        return steps
    }

    private static func check(_ node: DocumentNode, _ sources: SourceRegistry) throws(PipelineError) {
        let entries = try node.entries()
        guard let typeNode = entries.first(where: { $0.key == "type" })?.value else {
            throw node.error("\"type\" is missing; there are \(sources.kinds.joined(separator: ", "))")
        }
        let type: any Source.Type
        do { type = try sources.type(try typeNode.text("a kind of source")) } catch {
            throw (error as? PipelineError)
                ?? typeNode.error((error as? ConnectorError)?.message ?? "\(error)")
        }
        _ = try node.map(["type"] + type.fields.map(\.name))
        do {
            try sources.check(node.json)
            // What is kept was tried out when it came.
            if node.place != nil { try sources.tryOut(node.json) }
        } catch {
            throw node.setting(error)
        }
    }

    private static let words: [String: PrivacyRule.Action] = [
        "mask": .mask, "drop": .drop, "truncate_ip": .truncateIP,
    ]
    private static let times = ["hour", "day", "week", "month", "quarter", "year"]

    private static func action(_ node: DocumentNode) throws(PipelineError) -> PrivacyRule.Action {
        if case .scalar(.string(let word)) = node.content {
            guard let action = words[word] else {
                throw node.error(
                    "here should be mask, drop, truncate_ip, { hash: secret://… }, { generalise: … } or { keep: … }"
                )
            }
            return action
        }
        let known = try node.map(["hash", "generalise", "keep"])
        guard known.count == 1 else {
            throw node.error("here should be one of hash, generalise and keep")
        }
        if let hash = known["hash"] {
            let reference = try hash.text("a secret's reference")
            guard SecretReference.isReference(reference) else {
                throw hash.error(
                    "the key is a secret, which a definition does not hold: write secret://env/NAME or secret://file/PATH"
                )
            }
            do { _ = try SecretReference(reference) } catch { throw hash.error(error.message) }
            return .hash(key: reference)
        }
        if let keep = known["keep"] { return .keep(try keep.integer(1...1_000)) }
        guard let generalise = known["generalise"] else {
            throw node.error("here should be one of hash, generalise and keep")
        }
        if case .scalar(.string(let word)) = generalise.content {
            guard times.contains(word) else {
                throw generalise.error(
                    "here should be a number, or one of \(times.joined(separator: ", "))")
            }
            return .time(word)
        }
        let digits = try generalise.number()
        guard let step = Double(digits), step > 0 else {
            throw generalise.error("here should be a number above 0")
        }
        return .step(digits)
    }
}
