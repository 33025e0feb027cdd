internal import Connectors
internal import Model

/// Reading whom alerts go to, and what a pipeline comes after.
extension PipelineDefinition {
    /// `alert: [ops-slack, {type: slack, url: …}]`; an empty list tells nobody.
    static func alerts(_ node: DocumentNode) throws(PipelineError) -> [AlertTarget] {
        if case .scalar(.string(let name)) = node.content {
            return try name == "none" ? [] : [alert(node)]
        }
        var (targets, errors): ([AlertTarget], ErrorList) = ([], ErrorList())
        for entry in try node.list() {
            if let target = errors.attempt({ try alert(entry) }) { targets.append(target) }
        }
        try errors.finish()
        guard targets.count <= 20 else { throw node.error("here should be at most 20") }
        return targets
    }

    private static func alert(_ node: DocumentNode) throws(PipelineError) -> AlertTarget {
        if case .scalar(.string(let name)) = node.content {
            guard isName(name) else { throw node.error("\"\(name)\" is no name: \(nameRule)") }
            return .named(name)
        }
        try checkAlert(node)
        return .inline(node.json)
    }

    /// Checks the settings of whom alerts go to, each error at its place.
    static func checkAlert(_ node: DocumentNode, allowsDefault: Bool = false) throws(PipelineError) {
        let entries = try node.entries()
        if !allowsDefault, let found = entries.first(where: { $0.key == "default" }) {
            throw PipelineError(
                .badDefinition, "\"default\" goes with targets that have a name, under \"alerts\"", at: found.keyPlace)
        }
        if let truth = entries.first(where: { $0.key == "default" }) { _ = try truth.value.truth() }
        do { try AlertTarget.check(node.json) } catch { throw node.setting(error) }
    }

    /// `after: [a, b]`: pipelines whose runs it waits for.
    static func after(_ node: DocumentNode, name: String) throws(PipelineError) -> [String] {
        let nodes = if case .list(let nodes) = node.content { nodes } else { [node] }
        var (names, errors): ([String], ErrorList) = ([], ErrorList())
        for node in nodes {
            guard let other = errors.attempt({ try node.text("a pipeline's name") }) else { continue }
            if !isName(other) { errors.note(node.error("\"\(other)\" is no name: \(nameRule)")) }
            if other == name { errors.note(node.error("a pipeline cannot come after itself")) }
            if names.contains(other) { errors.note(node.error("\"\(other)\" is there twice")) }
            names.append(other)
        }
        try errors.finish()
        return names
    }

    /// A circle of pipelines that wait for one another: the names in their order; nil if there is none.
    public static func circle(_ after: [String: [String]]) -> [String]? {
        var done: Set<String> = []
        func walk(_ name: String, _ path: [String]) -> [String]? {
            if let start = path.firstIndex(of: name) { return Array(path[start...]) + [name] }
            guard !done.contains(name) else { return nil }
            for next in after[name] ?? [] { if let found = walk(next, path + [name]) { return found } }
            done.insert(name)
            return nil
        }
        for name in after.keys.sorted() { if let found = walk(name, []) { return found } }
        return nil
    }
}
