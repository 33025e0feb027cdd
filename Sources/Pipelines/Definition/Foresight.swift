internal import Connectors
internal import Destinations
public import Model

/// What stands against running a pipeline, as far as the server knows it beforehand: secrets that are not there, places that the operator
/// does not allow, a program that is missing. It is told and not refused, since it may be mended before the pipeline runs.
public struct Foresight: Sendable {
    private let tools: RunTools
    private let isTrusted: Bool

    public init(_ tools: RunTools, isTrusted: Bool) {
        self.tools = tools
        self.isTrusted = isTrusted
    }

    private var secrets: SecretResolver { isTrusted ? tools.ownerSecrets : tools.secrets }

    /// Blocks.
    public func notes(on pipeline: PipelineDefinition) -> [String] {
        var notes: [String] = []
        if case .inline(let settings) = pipeline.load.target {
            notes += self.notes(onDestination: settings, "load.destination")
        }
        for step in pipeline.transform.steps {
            if case .source(let settings, let name) = step {
                notes += self.notes(onSource: settings, "the source \(name)")
            }
        }
        for rule in pipeline.transform.privacy {
            if case .hash(let reference) = rule.action {
                notes += missing(.string(reference), "privacy.\(rule.column).hash")
            }
        }
        for (index, target) in (pipeline.alerts ?? []).enumerated() {
            if case .inline(let settings) = target { notes += missing(settings, "on_failure.alert[\(index + 1)]") }
        }
        if let plan = pipeline.dbt { notes += self.notes(on: plan) }
        return notes
    }

    /// Blocks.
    public func notes(onDestination settings: JSONValue, _ path: String) -> [String] {
        let notes = missing(settings, path)
        guard notes.isEmpty else { return notes }
        do { try tools.destination(settings, isTrusted: isTrusted).foresee() } catch {
            return ["\(path): \(error.message)"]
        }
        return []
    }

    /// Blocks.
    public func notes(onAlert settings: JSONValue, _ path: String) -> [String] { missing(settings, path) }

    private func notes(onSource settings: JSONValue, _ path: String) -> [String] {
        let notes = missing(settings, path)
        guard notes.isEmpty else { return notes }
        do {
            try SourceRegistry.builtin.make(settings, secrets: secrets, tools: tools.destinations).foresee()
        } catch { return ["\(path): \(error.message)"] }
        return []
    }

    private func notes(on plan: DbtPlan) -> [String] {
        var notes: [String] = []
        if tools.dbt.program == nil {
            notes.append("dbt: this server runs no dbt; the operator names the program with --dbt")
        } else if !tools.dbt.folders.contains(where: { plan.project == $0 || plan.project.hasPrefix($0 + "/") }) {
            notes.append("dbt: \(plan.project) does not lie below a folder that the operator opened with --dbt-folder")
        }
        for (name, value) in plan.environment.sorted(by: { $0.key < $1.key }) {
            notes += missing(.string(value), "dbt.env.\(name)")
        }
        return notes
    }

    /// The secrets that cannot be found.
    private func missing(_ json: JSONValue, _ path: String) -> [String] {
        switch json {
        case .string(let text):
            guard SecretReference.isReference(text) else { return [] }
            do { _ = try secrets.resolve(SecretReference(text)) } catch { return ["\(path): \(error.message)"] }
            return []
        case .object(let members): return members.flatMap { missing($0.value, "\(path).\($0.key)") }
        case .array(let values): return values.flatMap { missing($0, path) }
        default: return []
        }
    }
}
