internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model

/// Whether the process lives, and whether it can do its work.
enum HealthRoutes {
    static let routes = [
        Route(.get, "/healthz", .open) { _ in .json(["status": "ok"]) },
        Route(.get, "/readyz", .open, ready),
    ]

    /// Ready: every project's store is open with its applier at work, and its journal takes items.
    private static func ready(_ exchange: Exchange) async throws -> Response {
        var faults: [JSONValue] = []
        for runtime in exchange.app.projects.all {
            if let reason = runtime.unreadyReason {
                faults.append(["project": .string(runtime.name), "reason": .string(reason)])
            }
        }
        guard faults.isEmpty, !exchange.app.projects.all.isEmpty else {
            var problem = Problem.unavailable("not_ready", "some projects cannot work; see /v1/status", retryAfter: 5)
            problem.members = [.init("faults", .array(faults))]
            throw problem
        }
        return .json(["status": "ready"])
    }
}

extension ProjectRuntime {
    /// Why the project cannot do its work; nil if it can. Names no data.
    var unreadyReason: String? {
        if let refusal = journal.status.refusal { return "the journal refuses to write: \(refusal.code.rawValue)" }
        switch store.applierState {
        case .stopped: return "the applier has stopped"
        default: return nil
        }
    }
}
