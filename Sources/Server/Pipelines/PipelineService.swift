internal import Connectors
internal import Control
internal import Destinations
internal import EventStore
internal import Exports
internal import Journal
internal import Logging
internal import Model
internal import Pipelines
internal import ServiceLifecycle
internal import Webhooks

/// Everything of pipelines that outlives a request: what makes runs of schedules, and what runs them.
final class PipelineService: Service {
    let keeper: PipelineKeeper
    let watch: PipelineWatch
    let tools: RunTools
    private let control: ControlStore
    /// Whether it is watched what becomes of runs; where a server ends with a command, the next one sees to that.
    private let watches: Bool

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
                mail: webhooks.mail, shelf: webhooks.shelf,
                ledger: SentLedger(folder: configuration.directory + "/sent"),
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
        watches = configuration.followsSchedules
        watch = PipelineWatch(tools: tools) { alert in try await PipelineService.hand(alert, to: webhooks) }
    }

    func run() async throws {
        // Cancelled runs go on with the next start, from the step that was written down last.
        let task = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.keeper.run() }
                if self.watches { group.addTask { await self.watch.run() } }
            }
        }
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

    /// Puts an alert into the outbox; what keeps it from somebody.
    static func hand(_ alert: AlertRecord, to webhooks: WebhookService) async throws -> String? {
        let put = try await webhooks.store.put(
            Alert(
                project: alert.project, id: alert.id, type: alert.type, data: alert.data, targets: alert.targets,
                at: alert.madeAt), now: SystemClock.now())
        if put.hasChanged { try await webhooks.sender.reload() }
        webhooks.sender.nudge()
        return put.problem
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
            durable: { runtime.journal.durableSeq },
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
        try await checkNames(file, project: project)
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

    /// Checks names of other pipelines and of whom alerts go to.
    private func checkNames(_ file: PipelineFile, project: String) async throws {
        let targets = Set(try await control.alertTargets(project: project).map(\.name) + file.alerts.map(\.name))
        var after: [String: [String]] = [:]
        for record in try await control.pipelines(project: project) {
            after[record.name] =
                (try? PipelineDefinition(json: record.definition, registry: tools.registry))?.after ?? []
        }
        for pipeline in file.pipelines { after[pipeline.name] = pipeline.after }
        for pipeline in file.pipelines {
            for case .named(let name) in pipeline.alerts ?? [] where !targets.contains(name) {
                throw PipelineError(
                    .badDefinition,
                    "\(pipeline.name): on_failure.alert: there is no \"\(name)\"; define it under \"alerts\" in the same file"
                )
            }
            for name in pipeline.after where after[name] == nil {
                throw PipelineError(.badDefinition, "\(pipeline.name): after: there is no pipeline \"\(name)\"")
            }
        }
        if let circle = PipelineDefinition.circle(after) {
            throw PipelineError(
                .badDefinition, "after: these wait for one another: \(circle.joined(separator: " -> "))")
        }
    }
}
