internal import Connectors
internal import Control
internal import Destinations
internal import Logging
internal import Model
internal import ServiceLifecycle
internal import Webhooks

/// Everything of webhooks that outlives a request: the outbox, the sender, and what it sends by.
final class WebhookService: Service {
    let store: DeliveryStore
    let sender: Sender
    let policy: OutboundPolicy
    let client: OutboundClient
    let mail: MailClient
    /// Files that are given out by links.
    let shelf: FileShelf
    let actions: ActionMaker
    private let control: ControlStore
    private let logger: Logger

    /// Opens the outbox. Blocking.
    init(_ configuration: ServerConfiguration, control: ControlStore, logger: Logger) throws {
        let box = try SecretBox.open(directory: configuration.directory, text: configuration.masterKey)
        shelf = FileShelf(
            folder: configuration.directory + "/links", key: box.derived(for: "links"), base: configuration.publicURL)
        store = try DeliveryStore(path: configuration.directory + "/" + DeliveryStore.fileName, box: box)
        policy = OutboundPolicy(allowed: configuration.allowPrivate, own: { OwnAddresses.current() })
        let resolver = SystemResolver()
        client = try OutboundClient(policy: policy, resolver: resolver, trusted: configuration.outboundRoots)
        mail = MailClient(policy: policy, resolver: resolver, trusted: configuration.outboundRoots)
        actions = ActionMaker(
            secrets: configuration.secrets,
            tools: ConnectorTools(
                http: client,
                mail: mail, policy: policy, seconds: { SystemClock.now().microseconds / 1_000_000 }))
        sender = Sender(
            store: store, http: client, actions: actions, sends: configuration.delivers,
            clock: { SystemClock.now() }, steady: { SystemClock.steadyMicroseconds() },
            boot: SystemClock.boot(),
            hold: configuration.timerHold.components.seconds * 1_000_000, logger: logger)
        self.control = control
        self.logger = logger
        for range in configuration.allowPrivate {
            logger.notice("webhooks may go to a private range", metadata: ["range": "\(range)"])
        }
    }

    /// Keeps the outbox and sends, unless the server ends with a command, until the server ends; then closes the outbox.
    func run() async throws {
        let sender = sender
        do {
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    try await sender.run()
                } onGracefulShutdown: {
                    sender.stop()
                }
            } onCancel: {
                sender.stop()
            }
        } catch {
            logger.critical("webhooks are not sent", metadata: ["error": "\(error)"])
            try? await gracefulShutdown()
        }
        do { try store.close() } catch {
            logger.error("the outbox did not close", metadata: ["error": "\(error)"])
        }
    }

    /// What follows a project's journal.
    func follower(_ runtime: ProjectRuntime, logger: Logger) -> EventFollower {
        EventFollower(
            project: runtime.name, journal: runtime.journal, store: runtime.store, sender: sender,
            segments: SavedSegments(
                control: control, store: runtime.store, project: runtime.name, columns: runtime.columns),
            logger: logger)
    }
}
