internal import Control
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// All projects at work. A service: it runs their appliers, takes in new projects, and drains them at the end.
final class ProjectRegistry: Service {
    private let configuration: ServerConfiguration
    private let control: ControlStore
    private let webhooks: WebhookService
    private let logger: Logger
    private let runtimes = Mutex<[String: ProjectRuntime]>([:])
    private let arrivals: AsyncStream<ProjectRuntime>
    private let arrive: AsyncStream<ProjectRuntime>.Continuation

    init(
        configuration: ServerConfiguration, control: ControlStore, webhooks: WebhookService, logger: Logger
    ) {
        self.configuration = configuration
        self.control = control
        self.webhooks = webhooks
        self.logger = logger
        (arrivals, arrive) = AsyncStream.makeStream()
    }

    func runtime(_ name: String) -> ProjectRuntime? { runtimes.withLock { $0[name] } }

    /// All of them, by name.
    var all: [ProjectRuntime] { runtimes.withLock { $0.values.sorted { $0.name < $1.name } } }

    /// Opens a project and sets it to work.
    func open(_ project: Project) async throws(ServerError) {
        let (configuration, webhooks, logger) = (configuration, webhooks, logger)
        do {
            let suppressions = Suppressions(
                try await control.suppressedIdentities(project: project.name), project: project.name, control: control)
            let runtime = try await Blocking.run {
                try ProjectRuntime(
                    name: project.name, seenSeq: project.seenSeq, suppressions: suppressions,
                    configuration: configuration, webhooks: webhooks, logger: logger)
            }
            try await runtime.columns.reload(control)
            runtimes.withLock { $0[project.name] = runtime }
            arrive.yield(runtime)
        } catch {
            throw ServerError(.cannotOpen, "the project \(project.name) cannot be opened: \(error)")
        }
    }

    private func watchers(of runtime: ProjectRuntime) -> [TriggerWatcher] {
        var logger = logger
        logger[metadataKey: "project"] = .string(runtime.name)
        return TriggerWatcher.Subject.allCases.map { subject in
            TriggerWatcher(
                subject: subject, project: runtime.name, journal: runtime.journal, store: runtime.store,
                columns: runtime.columns, control: control, sender: webhooks.sender, outbox: webhooks.store,
                reportTime: configuration.reportTime, logger: logger)
        }
    }

    func run() async throws {
        let logger = logger
        await withTaskGroup(of: Void.self) { group in
            // Appliers must go on while the journal drains, so they do not hear of the shutdown themselves.
            for await runtime in arrivals.cancelOnGracefulShutdown() {
                let watching = watchers(of: runtime)
                group.addTask {
                    do {
                        try await runtime.run(watching)
                    } catch is CancellationError {
                    } catch {
                        // Collection goes on and readiness says no: the journal keeps what the store cannot take.
                        logger.critical(
                            "the applier stopped", metadata: ["project": "\(runtime.name)", "error": "\(error)"])
                    }
                }
            }
            for runtime in all { await runtime.drain(logger: logger) }
            group.cancelAll()
        }
        for runtime in all { await runtime.closeStore(logger: logger) }
    }
}
