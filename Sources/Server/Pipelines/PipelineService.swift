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

    /// An export's specification with what only the project knows: saved segments and reports and computed columns as they are now.
    static func spec(
        _ json: JSONValue, _ runtime: ProjectRuntime, _ control: ControlStore, now: Timestamp,
        proposed: Proposed = Proposed()
    ) async throws -> ExportSpec {
        var spec = try ExportSpec(json: try await withReport(json, runtime, control, proposed))
        let expansion = SegmentExpansion(
            control: control, store: runtime.store, project: runtime.name, columns: runtime.columns,
            takesFormulas: true, now: now, proposed: proposed.segments)
        if let condition = spec.condition { spec.condition = try await expansion.expanded(condition, path: "where") }
        if let report = spec.report { spec.report = try await expansion.expanded(report, path: "report") }
        if spec.dataset == .people { spec.computed = try await runtime.columns.columns(at: now) }
        return spec
    }

    /// The export with a saved report in the place of its id.
    private static func withReport(
        _ json: JSONValue, _ runtime: ProjectRuntime, _ control: ControlStore, _ proposed: Proposed
    ) async throws -> JSONValue {
        guard let id = json["report_id"]?.stringValue, case .object(let members) = json else { return json }
        var saved = proposed.reports[id]
        if saved == nil { saved = try await control.report(id, project: runtime.name) }
        guard let saved else { throw ExportError(.invalidSpec, "there is no report \(id.prefix(64))") }
        return .object(members.map { $0.key == "report_id" ? .init("report", saved.report) : $0 })
    }

    /// What of a file the project has no place for: columns, segments, reports, destinations by name.
    func errors(in file: PipelineFile, _ runtime: ProjectRuntime, _ proposed: Proposed) async throws
        -> [PipelineError]
    {
        let kept = try await control.destinations(project: runtime.name)
        var errors = try await wrongNames(in: file, project: runtime.name)
        for pipeline in file.pipelines {
            func note(_ message: String, at path: String) {
                errors.append(file.error(of: pipeline.name, message, at: path))
            }
            do {
                try await Self.spec(pipeline.export, runtime, control, now: tools.now(), proposed: proposed).check()
            } catch let error as ExportError where error.code == .invalidSpec {
                note("export: \(error.message)", at: "export." + error.message.prefix { $0 != ":" })
            } catch let error as QueryError {
                note("export: \(error.message)", at: "export." + error.path)
            }
            guard case .named(let name) = pipeline.load.target else { continue }
            guard
                let settings = file.destinations.first(where: { $0.name == name })?.settings
                    ?? kept.first(where: { $0.name == name })?.settings
            else {
                note(
                    "there is no destination \"\(name)\"; define it under \"destinations\" in the same file",
                    at: "load.destination")
                continue
            }
            do { try pipeline.check(tools.registry.type(settings["type"]?.stringValue ?? "")) } catch {
                note("load: \(error.message)", at: "load")
            }
        }
        return errors
    }

    /// Names of other pipelines and of whom alerts go to that there are none of.
    private func wrongNames(in file: PipelineFile, project: String) async throws -> [PipelineError] {
        var errors: [PipelineError] = []
        let targets = Set(try await control.alertTargets(project: project).map(\.name) + file.alerts.map(\.name))
        var after: [String: [String]] = [:]
        for record in try await control.pipelines(project: project) {
            after[record.name] =
                (try? PipelineDefinition(json: record.definition, registry: tools.registry))?.after ?? []
        }
        for pipeline in file.pipelines { after[pipeline.name] = pipeline.after }
        for pipeline in file.pipelines {
            for (index, target) in (pipeline.alerts ?? []).enumerated() {
                guard case .named(let name) = target, !targets.contains(name) else { continue }
                errors.append(
                    file.error(
                        of: pipeline.name,
                        "on_failure.alert: there is no \"\(name)\"; define it under \"alerts\" in the same file",
                        at: "on_failure.alert[\(index)]"))
            }
            for (index, name) in pipeline.after.enumerated() where after[name] == nil {
                errors.append(
                    file.error(of: pipeline.name, "after: there is no pipeline \"\(name)\"", at: "after[\(index)]"))
            }
        }
        if let circle = PipelineDefinition.circle(after) {
            let message = "after: these wait for one another: \(circle.joined(separator: " -> "))"
            let known = circle.first { name in file.pipelines.contains { $0.name == name } }
            errors.append(
                known.map { file.error(of: $0, message, at: "after") } ?? PipelineError(.badDefinition, message))
        }
        return errors
    }
}
