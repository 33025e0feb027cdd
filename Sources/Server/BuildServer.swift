internal import Control
internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// Composes a server from its configuration: the one way in for `sluice serve`, for tests, and for the command line
/// that works on a folder without a server.
///
/// - Throws: `.notInitialized`, `.locked`, `.cannotOpen`, `.cannotListen`.
public func buildServer(
    _ configuration: ServerConfiguration, logger: Logger
) async throws(ServerError) -> SluiceServer {
    var logger = logger
    logger.logLevel = configuration.logLevel
    let directory = configuration.directory
    let (lock, control) = try openFolder(directory)
    let socket = try socketPath(configuration, logger)
    let audit = AuditLog(control)
    let keys: KeyRing
    let webhooks: WebhookService
    do {
        webhooks = try await Blocking.run { [logger] in
            try WebhookService(configuration, control: control, logger: logger)
        }
    } catch {
        throw ServerError(.cannotOpen, "\(directory) cannot be opened: \(error)")
    }
    let projects = ProjectRegistry(
        configuration: configuration, control: control, webhooks: webhooks, logger: logger)
    let pipelines = PipelineService(
        control: control, projects: projects, webhooks: webhooks, configuration: configuration,
        boot: String(UInt64.random(in: .min ... .max), radix: 16), logger: logger)
    let exports: ExportService
    let erasures: ErasureService
    do {
        try await control.recoverImports()
        try await control.recoverIdempotency()
        try await control.recoverAccesses()
        keys = try await KeyRing(control)
        for project in try await control.projects() { try await projects.open(project) }
        exports = ExportService(
            control: control, projects: projects, audit: audit, configuration: configuration, logger: logger)
        try await exports.recover()
        erasures = ErasureService(
            control: control, projects: projects, exports: exports, audit: audit, webhooks: webhooks,
            pipelines: pipelines, logger: logger)
        try await erasures.recover()
    } catch let error as ServerError {
        throw error
    } catch {
        throw ServerError(.cannotOpen, "\(directory) cannot be opened: \(error)")
    }
    let backups = BackupService(
        directory: directory, control: control, projects: projects, webhooks: webhooks.store, logger: logger)
    let state = ServerState(
        configuration: configuration, control: control, keys: keys, projects: projects, exports: exports,
        erasures: erasures, backups: backups, audit: audit, webhooks: webhooks, pipelines: pipelines,
        logger: logger)
    let table = RouteTable(allRoutes(configuration))
    let listening = Latch<Int>()
    let socketListening = Latch<Int>()
    let connections = Connections()

    // In order of dependence; the shutdown goes the other way: first no more requests, last the control database.
    var services: [any Service] = [
        ControlKeeper(control: control, keys: keys, logger: logger), AuditKeeper(audit: audit, logger: logger),
        webhooks, projects, exports, erasures, backups, pipelines, state.bodies,
    ]
    if configuration.keepsRetention {
        services.append(RetentionKeeper(control: control, projects: projects, erasures: erasures, logger: logger))
    }
    if let address = configuration.listen {
        let certificates = try configuration.tls.map { (files) throws(ServerError) in
            try Certificates(files, logger: logger)
        }
        if let certificates { services.append(certificates) }
        services.append(
            httpService(
                .hostname(address.host, port: address.port), Dispatcher(table: table, app: state, isTrusted: false),
                configuration, logger, certificates: certificates
            ) { channel in listening.open(channel.localAddress?.port) })
    } else {
        listening.open(nil)
    }
    if let path = socket {
        services.append(
            httpService(
                .unixDomainSocket(path: path), Dispatcher(table: table, app: state, isTrusted: true), configuration,
                logger, connections: connections
            ) { _ in
                // The folder lets nobody else in; this holds even where it was opened up.
                _ = unsafe chmod(path, 0o600)
                socketListening.open(0)
            })
        services.append(SocketCleaner(path: path))
    } else {
        socketListening.open(nil)
    }

    services.append(LiveEnd(projects: projects))
    services.append(BodyWatchEnd(watch: state.bodies, grace: configuration.bodyGrace))

    var group = ServiceGroupConfiguration(services: services, logger: logger)
    if configuration.handlesSignals { group.gracefulShutdownSignals = [.sigterm, .sigint] }
    if let seconds = configuration.shutdownSeconds {
        // Both together are what the configuration says. The last part is for what does not hear of a cancellation: the
        // process ends then, and the next start goes on from the journal.
        let last = min(10, max(1, seconds / 4))
        group.maximumGracefulShutdownDuration = .seconds(max(0, seconds - last))
        group.maximumCancellationDuration = .seconds(last)
    }
    return SluiceServer(
        group: ServiceGroup(configuration: group), listening: listening, socketListening: socketListening,
        hasSocket: socket != nil, connections: connections, lock: lock, state: state, table: table)
}

/// Where the socket lies; nil if there is none. A path that is too long for one is no reason not to serve by TCP.
private func socketPath(_ configuration: ServerConfiguration, _ logger: Logger) throws(ServerError) -> String? {
    guard configuration.listensOnSocket else { return nil }
    let path = ServerConfiguration.socketPath(in: configuration.directory)
    guard path.utf8.count > 107 else { return path }
    guard configuration.listen != nil else {
        throw ServerError(
            .cannotListen,
            "\(path) is too long for a socket's name (107 bytes); use a shorter folder, or run 'sluice serve' and give "
                + "commands its address with --server")
    }
    logger.warning(
        "the socket's name is too long (107 bytes at most): commands on this machine need --server and a key",
        metadata: ["path": "\(path)"])
    return nil
}

/// Locks the folder and opens its control database.
private func openFolder(_ directory: String) throws(ServerError) -> (FolderLock, ControlStore) {
    guard unsafe access(ControlStore.path(in: directory), F_OK) == 0 else {
        // Whoever may not look into the folder cannot know that it is empty.
        if errno == EACCES {
            throw ServerError(
                .io, "\(directory) cannot be looked into: permission denied; run as the user that owns it")
        }
        throw ServerError(
            .notInitialized, "\(directory) holds no Sluice yet; make one with: sluice init --data \(directory)")
    }
    guard unsafe access(directory + "/" + SnapshotManifest.fileName, F_OK) != 0 else {
        throw ServerError(
            .notInitialized,
            "\(directory) is a snapshot of a backup and stays as it is; make a data folder of it with: "
                + "sluice restore \(directory) --data NEW")
    }
    let lock = try FolderLock(directory: directory)
    do { return (lock, try ControlStore(directory: directory)) } catch {
        throw ServerError(.cannotOpen, error.message)
    }
}

/// HTTP/1.1 on one address, behind TLS if there are certificates.
private func httpService(
    _ address: BindAddress, _ dispatcher: Dispatcher, _ configuration: ServerConfiguration, _ logger: Logger,
    certificates: Certificates? = nil, connections: Connections? = nil,
    onRunning: @escaping @Sendable (any Channel) async -> Void
) -> any Service {
    let http = HTTP1Channel.Configuration(
        additionalChannelHandlers: connections?.handlers() ?? [], idleTimeout: .seconds(configuration.idleSeconds),
        httpDecoderConfiguration: .init(
            maxHeaderFieldSize: 64 << 10, maxHeaderListSize: 128 << 10, maxHeaderFieldCount: 200))
    return Application(
        responder: dispatcher,
        server: HTTPServerBuilder { responder in
            let plain = HTTP1Channel(responder: responder, configuration: http)
            return certificates.map { TLSChannel(base: plain, certificates: $0) } ?? plain
        },
        configuration: ApplicationConfiguration(
            address: address, serverName: "sluice", backlog: configuration.connectionBacklog),
        onServerRunning: onRunning,
        eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
        logger: logger)
}

/// Removes the socket's file at the end. It stands after the server in the list, so that it starts its end first.
private struct SocketCleaner: Service {
    let path: String

    func run() async throws {
        try? await gracefulShutdown()
        _ = unsafe unlink(path)
    }
}
