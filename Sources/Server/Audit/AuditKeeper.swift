internal import Control
internal import Logging
internal import ServiceLifecycle

/// Writes what waits for the audit every second, or as soon as it is much, and the rest at the end. It stands before whatever
/// is written down in the list, so that it ends after it.
struct AuditKeeper: Service {
    let audit: AuditLog
    let logger: Logger

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        try await Task.sleep(for: .seconds(1))
                        if !audit.isEmpty { await flush() }
                    }
                }
            }
            group.addTask { for await _ in audit.batches.cancelOnGracefulShutdown() { await flush() } }
        }
        await flush()
    }

    private func flush() async {
        do { try await audit.flush() } catch {
            logger.error("the audit could not be written", metadata: ["error": "\(error)"])
        }
    }
}
