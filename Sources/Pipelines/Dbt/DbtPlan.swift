internal import Connectors

/// `dbt build` after a load that was verified: models of the warehouse are made of what was loaded, and tested.
public struct DbtPlan: Sendable, Equatable {
    /// What becomes of a run of which a model or a test fails.
    public enum OnFailure: String, Sendable, CaseIterable {
        case stop
        case warn
    }

    /// The folder with `dbt_project.yml`, below one that the operator opened.
    public var project: String
    /// The output of the profile; nil for the one that the profile names.
    public var target: String?
    public var select: [String]
    public var exclude: [String]
    /// Variables for the profile: values, or references to secrets.
    public var environment: [String: String]
    public var onFailure: OnFailure
    /// In microseconds.
    public var timeout: Int64

    static let keys = ["project", "target", "select", "exclude", "env", "on_failure", "timeout"]
    /// What names of variables begin with: others could change which program runs, and what it loads.
    private static let prefixes = ["DBT_ENV_", "WAREHOUSE_"]

    init(_ node: DocumentNode) throws(PipelineError) {
        let known = try node.map(Self.keys)
        guard let place = known["project"] else {
            throw node.error("\"project\" is missing: the folder that sluice dbt init made")
        }
        project = try place.text("a folder", atMost: 4_096)
        guard project.hasPrefix("/") else { throw place.error("write the folder from / on") }
        target = try known["target"].map { (found) throws(PipelineError) in try Self.words(found)[0] }
        select = try known["select"].map { (found) throws(PipelineError) in try Self.words(found) } ?? []
        exclude = try known["exclude"].map { (found) throws(PipelineError) in try Self.words(found) } ?? []
        environment = try known["env"].map { (found) throws(PipelineError) in try Self.variables(found) } ?? [:]
        onFailure = try known["on_failure"]?.choice(OnFailure.self) ?? .stop
        timeout = try known["timeout"]?.duration() ?? 1_800_000_000
    }

    /// Words as dbt selects by them; none that would be taken for an option.
    private static func words(_ node: DocumentNode) throws(PipelineError) -> [String] {
        let words = try node.texts("a name, or a selection such as +fct_events or tag:daily")
        for word in words {
            guard !word.isEmpty, !word.hasPrefix("-"), word.utf8.count <= 200, word.utf8.allSatisfy(isPlain) else {
                throw node.error("\"\(word)\" is no selection: letters, digits and _ . : + @ * , / - may be in it")
            }
        }
        guard !words.isEmpty else { throw node.error("here should be at least one name") }
        return words
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte &- 97 < 26 || byte &- 65 < 26 || byte &- 48 < 10 || "_.:+@*,/-".utf8.contains(byte)
    }

    private static func variables(_ node: DocumentNode) throws(PipelineError) -> [String: String] {
        var found: [String: String] = [:]
        for entry in try node.entries() {
            let isName = entry.key.utf8.allSatisfy { $0 &- 65 < 26 || $0 &- 48 < 10 || $0 == 0x5f }
            guard isName, prefixes.contains(where: entry.key.hasPrefix) else {
                throw PipelineError(
                    .badDefinition,
                    "\(node.path): \"\(entry.key)\" is no variable that a pipeline may set: capitals, digits and _, beginning with "
                        + prefixes.joined(separator: " or "), at: entry.keyPlace)
            }
            let value = try entry.value.text("a text or a secret://…", atMost: 4_096)
            if SecretReference.isReference(value) {
                do { _ = try SecretReference(value) } catch { throw entry.value.error(error.message) }
            } else if ["SECRET", "PASSWORD", "TOKEN"].contains(where: entry.key.contains) {
                throw entry.value.error(
                    "\"\(entry.key)\" is a secret, which a definition does not hold: write secret://env/NAME or secret://file/PATH"
                )
            }
            found[entry.key] = value
        }
        return found
    }
}

/// What the operator allows of dbt.
public struct DbtTools: Sendable, Equatable {
    /// The program; nil where pipelines run none.
    public var program: String?
    /// The folders below which its projects lie, as absolute paths.
    public var folders: [String]

    public init(program: String? = nil, folders: [String] = []) {
        self.program = program
        self.folders = folders
    }
}
