internal import Control
internal import Logging
internal import Model
internal import ServiceLifecycle

/// Applies the rules of retention once a day.
struct RetentionKeeper: Service {
    let control: ControlStore
    let projects: ProjectRegistry
    let erasures: ErasureService
    let logger: Logger

    private static let day: Int64 = 86_400 * 1_000_000

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                for runtime in projects.all {
                    do { try await apply(runtime, now: SystemClock.now()) } catch {
                        logger.warning(
                            "retention could not be applied and is tried again in an hour",
                            metadata: ["project": "\(runtime.name)", "error": "\(error)"])
                    }
                }
                try await Task.sleep(for: .seconds(3_600))
            }
        }
    }

    private func apply(_ runtime: ProjectRuntime, now: Timestamp) async throws {
        let last = try await control.privacyRecords(project: runtime.name, kind: .retention, before: nil, limit: 1)
            .first
        if let last, now.microseconds - last.createdAt.microseconds < Self.day { return }
        _ = try await RetentionRoutes.apply(runtime, control, erasures, now: now)
    }
}
