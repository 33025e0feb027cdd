public import Connectors
public import Destinations
internal import Model

extension PipelineDefinition {
    /// How rows are loaded where the definition leaves it open.
    public var mode: LoadMode { load.mode ?? (isIncremental ? .append : .replace) }

    /// Checks what does not depend on the destination.
    func checkMode(_ node: DocumentNode) throws(PipelineError) {
        let needsKey = load.mode == .upsert || load.mode == .delete
        if needsKey, load.key.isEmpty {
            throw node.error("\"key\" is missing: the columns by which \(mode.rawValue) finds rows that are there")
        }
        if !needsKey, !load.key.isEmpty {
            throw node.error("\"key\" goes with mode: upsert or delete; the mode is \(mode.rawValue)")
        }
        if isIncremental, load.mode == .replace {
            throw node.error(
                "mode: replace would put what is new in the place of everything; say incremental: false in \"export\"")
        }
        if isIncremental, export["dataset"]?.stringValue == "people", mode == .append {
            throw node.error("people change, and are sent again: use mode: upsert with a key, or incremental: false")
        }
    }

    /// Checks what does.
    func check(
        _ settings: JSONValue, _ registry: DestinationRegistry, at node: DocumentNode
    ) throws(PipelineError) {
        do throws(ConnectorError) {
            let type = try registry.type(settings["type"]?.stringValue ?? "")
            try check(type)
        } catch {
            throw node.error(error.message)
        }
    }

    /// Checks that a kind of destination can do what the pipeline wants of it.
    public func check(_ type: any Destination.Type) throws(ConnectorError) {
        let abilities = type.abilities
        guard abilities.modes.contains(mode) else {
            let known = LoadMode.allCases.filter(abilities.modes.contains).map(\.rawValue)
            throw ConnectorError(
                .badSetting,
                "the destination \(type.kind) knows no mode \(mode.rawValue); it knows \(known.joined(separator: ", "))"
            )
        }
        if let format = export["format"]?.stringValue, !abilities.formats.contains(format) {
            throw ConnectorError(
                .badSetting,
                "the destination \(type.kind) takes no \(format); it takes \(abilities.formats.joined(separator: ", "))"
            )
        }
        if let compression = export["compression"]?.stringValue, compression != "none", !abilities.takesCompression {
            throw ConnectorError(.badSetting, "the destination \(type.kind) takes no files that are packed")
        }
    }
}
