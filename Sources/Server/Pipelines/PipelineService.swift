internal import Connectors
internal import Control
internal import Destinations
internal import EventStore
internal import Exports
internal import Logging
internal import Model
internal import Pipelines
internal import ServiceLifecycle

/// Everything of pipelines that outlives a request: what makes runs of schedules, and what runs them.
final class PipelineService: Service {
    let keeper: PipelineKeeper
    let tools: RunTools
    private let control: ControlStore

    /// - Parameter boot: tells this start of the server from others.
    init(
        control: ControlStore, projects: ProjectRegistry, webhooks: WebhookService,
        configuration: ServerConfiguration, boot: String, logger: Logger
    ) {
        self.control = control
        let warn: @Sendable (String) -> Void = { [logger] text in logger.warning("\(text)") }
        tools = RunTools(
            control: control,
            destinations: DestinationTools(
                http: webhooks.client, policy: webhooks.policy, resolver: SystemResolver(),
                roots: FolderRoots(own: configuration.directory + "/files", allowed: configuration.allowFolders),
                warn: warn),
            dbt: DbtTools(program: configuration.dbtProgram, folders: configuration.dbtFolders),
            secrets: configuration.secrets,
            ownerSecrets: SecretResolver(environmentPrefix: "", folder: "/"),
            project: { name in
                projects.runtime(name).map { runtime in
                    Self.project(runtime, control: control, wait: configuration.readWait)
                }
            },
            now: { SystemClock.now() }, boot: boot, logger: logger)
        keeper = PipelineKeeper(tools: tools, followsSchedules: configuration.followsSchedules)
    }

    func run() async throws {
        // Cancelled runs go on with the next start, from the step that was written down last.
        let task = Task { await keeper.run() }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await task.value
            } onGracefulShutdown: {
                task.cancel()
            }
        } onCancel: {
            task.cancel()
        }
    }

    private static func project(
        _ runtime: ProjectRuntime, control: ControlStore, wait: Duration
    ) -> PipelineProject {
        PipelineProject(
            store: runtime.store, folder: runtime.directory + "/pipelines",
            pin: {
                // A store that is behind catches up; whoever waits for a schedule has more patience than a caller.
                try await runtime.pin(nil, wait: max(wait, .seconds(60)))
            },
            spec: { json, now in try await spec(json, runtime, control, now: now) })
    }

    /// An export's specification with what only the project knows: saved segments and computed columns as they are now.
    private static func spec(
        _ json: JSONValue, _ runtime: ProjectRuntime, _ control: ControlStore, now: Timestamp
    ) async throws -> ExportSpec {
        var spec = try ExportSpec(json: json)
        if let condition = spec.condition, SegmentExpansion.isNeeded(condition) {
            let expansion = SegmentExpansion(
                control: control, store: runtime.store, project: runtime.name, columns: runtime.columns,
                takesFormulas: true, now: now)
            spec.condition = try await expansion.expanded(condition, path: "where")
        }
        if spec.dataset == .people { spec.computed = try await runtime.columns.columns(at: now) }
        return spec
    }

    /// Checks what depends on the project: columns, segments, destinations by name.
    func check(_ file: PipelineFile, project: String, isTrusted: Bool) async throws {
        guard let runtime = tools.project(project) else { return }
        let kept = try await control.destinations(project: project)
        for pipeline in file.pipelines {
            do {
                try await runtime.spec(pipeline.export, tools.now()).check()
                guard case .named(let name) = pipeline.load.target else { continue }
                guard
                    let settings = file.destinations.first(where: { $0.name == name })?.settings
                        ?? kept.first(where: { $0.name == name })?.settings
                else {
                    throw PipelineError(
                        .badDefinition,
                        "there is no destination \"\(name)\"; define it under \"destinations\" in the same file")
                }
                try pipeline.check(tools.registry.type(settings["type"]?.stringValue ?? ""))
            } catch let error as ExportError where error.code == .invalidSpec {
                throw PipelineError(.badDefinition, "\(pipeline.name): export: \(error.message)")
            } catch let error as ConnectorError {
                throw PipelineError(.badDefinition, "\(pipeline.name): load: \(error.message)")
            } catch let error as PipelineError {
                throw PipelineError(error.code, "\(pipeline.name): \(error.message)", at: error.place)
            }
        }
    }
}
