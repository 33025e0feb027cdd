public import Destinations
public import Model

/// What a file of pipelines defines. One pipeline is the document itself; several stand under `pipelines`; other things are kept under
/// their names. Several documents are separated by `---`.
public struct PipelineFile: Sendable {
    public private(set) var pipelines: [PipelineDefinition] = []
    public private(set) var destinations: [(name: String, settings: JSONValue)] = []
    /// Whom alerts of the project go to.
    public private(set) var alerts: [(name: String, settings: JSONValue)] = []
    /// Segments, reports, endpoints and triggers, in the order in which they can be made.
    public private(set) var things: [FileThing] = []

    /// Names that are not in the file: the server may have what they mean.
    public private(set) var notes: [PipelineError] = []

    /// The pipelines as they stand there, but with the exports that they share in their places.
    private var nodes: [DocumentNode] = []
    private var alertNodes: [DocumentNode] = []
    /// Exports that several pipelines of the file share, by name.
    private var exports: [String: DocumentNode] = [:]
    private let registry: DestinationRegistry

    static let ownKeys =
        ["pipelines", "destinations", "alerts", "exports"] + FileThing.Kind.allCases.map(\.section)

    /// Reads a file, YAML or JSON.
    ///
    /// - Throws: `.badDefinition` with line and column, and all others that there are.
    public init(text: String, registry: DestinationRegistry = .builtin) throws(PipelineError) {
        self.registry = registry
        let documents = try YAMLDocument.read(text)
        guard !documents.isEmpty else { throw PipelineError(.badDefinition, "there is nothing in it") }
        var errors = ErrorList()
        for document in documents {
            do { try read(document, &errors) } catch { errors.note(error) }
        }
        for kind in FileThing.Kind.allCases {
            let named = Dictionary(grouping: things.filter { $0.kind == kind }, by: \.name)
            for twice in named.values where twice.count > 1 {
                errors.note(twice[1].error("there are two \(kind.section) \"\(twice[1].name)\""))
            }
        }
        // In the order in which they can be made.
        things = FileThing.Kind.allCases.flatMap { kind in things.filter { $0.kind == kind } }
        pipelines = readPipelines(&errors)
        checkOrder(&errors)
        try errors.finish()
        notes = namesElsewhere()
    }

    /// Pipelines of the file that wait for one another.
    private func checkOrder(_ errors: inout ErrorList) {
        let after = Dictionary(pipelines.map { ($0.name, $0.after) }) { first, _ in first }
        guard let circle = PipelineDefinition.circle(after), let first = circle.first else { return }
        errors.note(error(of: first, "these wait for one another: \(circle.joined(separator: " -> "))", at: "after"))
    }

    /// Names that mean something which the server has, or nothing.
    private func namesElsewhere() -> [PipelineError] {
        var notes: [PipelineError] = []
        func note(_ pipeline: String, _ kind: String, _ name: String, _ known: [String], _ path: String) {
            guard !known.contains(name) else { return }
            let near = known.first { DocumentNode.isNear($0, name) }.map { "; did you mean \"\($0)\"?" } ?? ""
            notes.append(
                error(
                    of: pipeline,
                    "\(path): there is no \(kind) \"\(name)\" in this file; the server may have one, which plan and apply see\(near)",
                    at: path))
        }
        for pipeline in pipelines {
            if case .named(let name) = pipeline.load.target {
                note(pipeline.name, "destination", name, destinations.map(\.name), "load.destination")
            }
            for (index, target) in (pipeline.alerts ?? []).enumerated() {
                guard case .named(let name) = target else { continue }
                note(pipeline.name, "alert", name, alerts.map(\.name), "on_failure.alert[\(index)]")
            }
            for (index, name) in pipeline.after.enumerated() {
                note(pipeline.name, "pipeline", name, pipelines.map(\.name), "after[\(index)]")
            }
        }
        return notes
    }

    /// The same with ids in the place of the names of segments, reports and endpoints.
    public func resolved(_ names: ThingNames) throws(PipelineError) -> PipelineFile {
        var file = self
        file.things = things.map { $0.resolved(names) }
        file.alerts = zip(alerts, alertNodes).map { ($0.name, names.alert($1).json) }
        // Shared exports first: they have names in them, too.
        var whole: [DocumentNode] = []
        for node in nodes { whole.append(names.pipeline(try withExport(node))) }
        file.nodes = whole
        var errors = ErrorList()
        file.pipelines = file.readPipelines(&errors)
        try errors.finish()
        return file
    }

    /// An error of a pipeline, at a place in it that a path leads to, such as `load.destination`.
    public func error(of pipeline: String, _ message: String, at path: String = "") -> PipelineError {
        guard let node = nodes.first(where: { $0["name"]?.scalarText == pipeline }) else {
            return PipelineError(.badDefinition, "\(pipeline): \(message)")
        }
        return PipelineError(.badDefinition, "\(pipeline): \(message)", at: node.error("", at: path).place)
    }

    private mutating func read(_ document: DocumentNode, _ errors: inout ErrorList) throws(PipelineError) {
        let entries = try document.entries()
        for entry in entries {
            switch entry.key {
            case "destinations": read(destinations: entry.value, &errors)
            case "alerts": read(alerts: entry.value, &errors)
            case "exports":
                for shared in errors.attempt({ try entry.value.entries() }) ?? [] {
                    exports[shared.key] = shared.value
                }
            case "pipelines":
                if case .scalar(.null) = entry.value.content { continue }
                nodes += errors.attempt { try entry.value.list() } ?? []
            default:
                guard let kind = FileThing.Kind.allCases.first(where: { $0.section == entry.key }) else { continue }
                things += FileThing.read(kind, entry.value, &errors)
            }
        }
        let others = entries.filter { !Self.ownKeys.contains($0.key) }
        // A pipeline that is the document itself says at least what it is called, exports or loads.
        let isPipeline = others.contains { ["name", "export", "load"].contains($0.key) }
        if isPipeline, !entries.contains(where: { $0.key == "pipelines" }) {
            nodes.append(DocumentNode(.map(others), at: document.place, path: document.path))
        } else {
            for other in others { errors.note(document.unknown(other, Self.ownKeys)) }
        }
    }

    private func readPipelines(_ errors: inout ErrorList) -> [PipelineDefinition] {
        var found: [PipelineDefinition] = []
        for node in nodes {
            guard
                let pipeline = errors.attempt({
                    try PipelineDefinition(ThingNames().pipeline(try withExport(node)), registry: registry)
                })
            else { continue }
            if found.contains(where: { $0.name == pipeline.name }) {
                errors.note((node["name"] ?? node).error("there are two pipelines \"\(pipeline.name)\""))
            }
            if case .named(let name) = pipeline.load.target,
                let settings = destinations.first(where: { $0.name == name })?.settings
            {
                // What is in the same file is checked against it now; what is kept already when it is applied.
                errors.attempt { try pipeline.check(settings, registry, at: node["load"] ?? node) }
            }
            for wrong in ColumnUse(pipeline).wrong { errors.note(node.error(wrong.message, at: wrong.path)) }
            found.append(pipeline)
        }
        return found
    }

    private mutating func read(destinations node: DocumentNode, _ errors: inout ErrorList) {
        for entry in errors.attempt({ try node.entries() }) ?? [] {
            Self.check(entry, among: destinations.map(\.name), "destinations", &errors)
            errors.attempt { try PipelineDefinition.check(destination: entry.value, registry) }
            destinations.append((entry.key, entry.value.json))
        }
    }

    private mutating func read(alerts node: DocumentNode, _ errors: inout ErrorList) {
        for entry in errors.attempt({ try node.entries() }) ?? [] {
            Self.check(entry, among: alerts.map(\.name), "alerts", &errors)
            errors.attempt { try PipelineDefinition.checkAlert(entry.value, allowsDefault: true) }
            alerts.append((entry.key, entry.value.json))
            alertNodes.append(entry.value)
        }
    }

    /// Checks the name of a destination, or of whom alerts go to.
    private static func check(
        _ entry: DocumentNode.Entry, among names: [String], _ section: String, _ errors: inout ErrorList
    ) {
        if !PipelineDefinition.isName(entry.key) {
            errors.note(
                PipelineError(
                    .badDefinition, "\"\(entry.key)\" is no name: \(PipelineDefinition.nameRule)", at: entry.keyPlace))
        }
        if names.contains(entry.key) {
            errors.note(
                PipelineError(.badDefinition, "there are two \(section) \"\(entry.key)\"", at: entry.keyPlace))
        }
    }

    /// The pipeline with the shared export that it names in its place.
    private func withExport(_ node: DocumentNode) throws(PipelineError) -> DocumentNode {
        guard let place = node["export"], let name = place.scalarText else { return node }
        guard let shared = exports[name] else {
            throw place.error("there is no export \"\(name)\"; define it under \"exports\" in the same file")
        }
        return node.changing("export") { _ in shared }
    }
}
