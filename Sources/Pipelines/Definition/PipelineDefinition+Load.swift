internal import Connectors
internal import Destinations
internal import Model

/// Reads `load`: where rows go, and how.
extension PipelineDefinition {
    static func load(
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
}
