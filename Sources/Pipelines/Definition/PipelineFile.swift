public import Destinations
public import Model

/// What a file of pipelines defines. One pipeline is the document itself; several stand under `pipelines`; `destinations` are kept
/// under their names. Several documents are separated by `---`.
public struct PipelineFile: Sendable {
    public var pipelines: [PipelineDefinition]
    public var destinations: [(name: String, settings: JSONValue)]
    /// Whom alerts of the project go to.
    public var alerts: [(name: String, settings: JSONValue)] = []

    /// Exports that several pipelines of the file share, by name.
    private var exports: [String: DocumentNode] = [:]

    private static let ownKeys = ["pipelines", "destinations", "alerts", "exports"]

    /// Reads a file, YAML or JSON.
    ///
    /// - Throws: `.badDefinition` with line and column.
    public init(text: String, registry: DestinationRegistry = .builtin) throws(PipelineError) {
        pipelines = []
        destinations = []
        let documents = try YAMLDocument.read(text)
        guard !documents.isEmpty else { throw PipelineError(.badDefinition, "there is nothing in it") }
        var nodes: [DocumentNode] = []
        for document in documents {
            let entries = try document.entries()
            for entry in entries where entry.key == "destinations" { try read(destinations: entry.value, registry) }
            for entry in entries where entry.key == "alerts" { try read(alerts: entry.value) }
            for entry in entries where entry.key == "exports" {
                for shared in try entry.value.entries() { exports[shared.key] = shared.value }
            }
            if entries.contains(where: { $0.key == "pipelines" }) {
                let known = try document.map(Self.ownKeys)
                nodes += try known["pipelines"]?.list() ?? []
            } else if entries.contains(where: { !Self.ownKeys.contains($0.key) }) {
                let own = entries.filter { !Self.ownKeys.contains($0.key) }
                nodes.append(DocumentNode(.map(own), at: document.place, path: document.path))
            }
        }
        for node in nodes {
            let pipeline = try PipelineDefinition(try withExport(node), registry: registry)
            guard !pipelines.contains(where: { $0.name == pipeline.name }) else {
                throw node.error("there are two pipelines \"\(pipeline.name)\"")
            }
            if case .named(let name) = pipeline.load.target,
                let settings = destinations.first(where: { $0.name == name })?.settings
            {
                // What is in the same file is checked against it now; what is kept already when it is applied.
                try pipeline.check(settings, registry, at: node)
            }
            pipelines.append(pipeline)
        }
    }

    private mutating func read(
        destinations node: DocumentNode, _ registry: DestinationRegistry
    ) throws(PipelineError) {
        for entry in try node.entries() {
            guard PipelineDefinition.isName(entry.key) else {
                throw PipelineError(
                    .badDefinition, "\"\(entry.key)\" is no name: \(PipelineDefinition.nameRule)", at: entry.keyPlace)
            }
            guard !destinations.contains(where: { $0.name == entry.key }) else {
                throw PipelineError(
                    .badDefinition, "there are two destinations \"\(entry.key)\"", at: entry.keyPlace)
            }
            try PipelineDefinition.check(destination: entry.value, registry)
            destinations.append((entry.key, entry.value.json))
        }
    }

    private mutating func read(alerts node: DocumentNode) throws(PipelineError) {
        for entry in try node.entries() {
            guard PipelineDefinition.isName(entry.key), !alerts.contains(where: { $0.name == entry.key }) else {
                throw PipelineError(
                    .badDefinition, "\"\(entry.key)\" is there twice, or no name: \(PipelineDefinition.nameRule)",
                    at: entry.keyPlace)
            }
            try PipelineDefinition.checkAlert(entry.value, allowsDefault: true)
            alerts.append((entry.key, entry.value.json))
        }
    }

    /// The pipeline with the shared export that it names in its place.
    private func withExport(_ node: DocumentNode) throws(PipelineError) -> DocumentNode {
        guard case .map(let entries) = node.content, let place = entries.firstIndex(where: { $0.key == "export" }),
            case .scalar(.string(let name)) = entries[place].value.content
        else { return node }
        guard let shared = exports[name] else {
            throw entries[place].value.error(
                "there is no export \"\(name)\"; define it under \"exports\" in the same file")
        }
        var changed = entries
        changed[place] = DocumentNode.Entry(key: "export", keyPlace: entries[place].keyPlace, value: shared)
        return DocumentNode(.map(changed), at: node.place, path: node.path)
    }
}
