import Logging
import Server

/// The same server as `sluice serve` runs, inside this process, on the folder's socket alone.
enum LocalServer {
    /// Runs a body while the server is up, and shuts it down gracefully afterwards, whatever the body did.
    static func run<T: Sendable>(_ folder: DataFolder, _ body: @escaping @Sendable () async throws -> T) async throws
        -> T
    {
        var configuration = ServerConfiguration(dataDirectory: folder.path)
        configuration.listen = nil
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
}
