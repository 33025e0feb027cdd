import Logging
import Server

/// The same server as `sluice serve` runs, inside this process, on the folder's socket alone.
enum LocalServer {
    /// How long the end waits for another command that uses the same server.
    private static let patience = Duration.seconds(600)

    /// Runs a body while the server is up, and shuts it down gracefully afterwards, whatever the body did.
    ///
    /// - Parameter onlyExports: whether that is all that the body does; rows then pass through little memory.
    static func run<T: Sendable>(
        _ folder: DataFolder, onlyExports: Bool = false, _ body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        var configuration = ServerConfiguration(dataDirectory: folder.path)
        configuration.listen = nil
        configuration.keepsRetention = false
        configuration.delivers = false
        configuration.followsSchedules = false
        configuration.allowPrivate = try Operator.ranges([])
        configuration.allowFolders = try Operator.folders([])
        (configuration.dbtProgram, configuration.dbtFolders) = (try Operator.dbt(nil), try Operator.dbtFolders([]))
        configuration.publicURL = try Operator.url(nil)
        configuration.masterKey = Environment["SLUICE_MASTER_KEY"]
        if onlyExports { (configuration.passingMemory, configuration.isBrief) = (64 << 20, true) }
        // Errors reach the command as answers; the log would only repeat them.
        configuration.logLevel = .critical
        let server: SluiceServer
        do throws(ServerError) {
            server = try await buildServer(configuration, logger: Logger(label: "sluice"))
        } catch {
            throw Failure(.failed, error.message)
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let outcome: Result<T, any Error>
            do {
                guard await server.socketIsReady() else {
                    try await group.next()
                    throw Failure(.failed, "\(folder.path): the store stopped while it was being opened")
                }
                outcome = .success(try await body())
            } catch {
                outcome = .failure(error)
            }
            await waitForOthers(server)
            await server.shutDown()
            do { try await group.waitForAll() } catch {
                // The body's own error says more than what followed from it.
                if case .success = outcome {
                    throw Failure(.failed, "\(folder.path): closing the store failed: \(error)")
                }
            }
            return try outcome.get()
        }
    }

    /// Another command may have found this server by its socket, and must not lose it in the middle of its work. Ctrl-C
    /// ends the wait.
    private static func waitForOthers(_ server: SluiceServer) async {
        // Nearly always nobody is there: then nothing is said, and no signal is trapped.
        guard await !server.becomesUnused(within: .seconds(1)) else { return }
        var line = ProgressLine()
        line.show("another command uses the store that this one opened; waiting until it has ended")
        _ = try? await interruptible { await server.becomesUnused(within: Self.patience) }
        line.clear()
    }
}
