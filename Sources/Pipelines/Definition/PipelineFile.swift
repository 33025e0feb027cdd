public import Destinations
public import Model

/// What a file of pipelines defines. One pipeline is the document itself; several stand under `pipelines`; `destinations` are kept
/// under their names. Several documents are separated by `---`.
public struct PipelineFile: Sendable {
    public var pipelines: [PipelineDefinition]
    public var destinations: [(name: String, settings: JSONValue)]

    private static let ownKeys = ["pipelines", "destinations"]

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
            if entries.contains(where: { $0.key == "pipelines" }) {
                let known = try document.map(Self.ownKeys)
                nodes += try known["pipelines"]?.list() ?? []
            } else if entries.contains(where: { $0.key != "destinations" }) {
                let own = entries.filter { $0.key != "destinations" }
                nodes.append(DocumentNode(.map(own), at: document.place, path: document.path))
            }
        }
        for node in nodes {
            let pipeline = try PipelineDefinition(node, registry: registry)
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
}
