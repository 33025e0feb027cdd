internal import Control
internal import Logging
internal import ServiceLifecycle

/// Writes down now and then when keys were used, and closes the control database last of all.
struct ControlKeeper: Service {
    let control: ControlStore
    let keys: KeyRing
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(60))
                await flush()
            }
        }
        await flush()
        do { try control.close() } catch {
            logger.error("the control database did not close", metadata: ["error": "\(error)"])
        }
    }

    private func flush() async {
        do { try await keys.flushUse() } catch {
            logger.warning("when keys were used could not be written", metadata: ["error": "\(error)"])
        }
    }
}
