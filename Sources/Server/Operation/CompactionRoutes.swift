internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// Full compactions on demand: everything becomes cold, and each month one file. The store compacts itself without them.
enum CompactionRoutes {
    static let routes = [
        Route(.post, "/v1/compactions", .scope(.admin), audit: .act("compactions.start"), start),
        Route(.get, "/v1/compactions/{id}", .scope(.admin), audit: .none, show),
    ]

    /// Asks for one. It covers everything that was durable when it was asked for.
    private static func start(_ exchange: Exchange) async throws -> Response {
        let runtime = try exchange.project()
        _ = try await runtime.pin(exchange)
        let number = runtime.store.requestCompaction()
        return .json(document(number, .queued), status: .accepted)
    }

    private static func show(_ exchange: Exchange) async throws -> Response {
        let written = exchange.parameters[0]
        guard let number = Int64(written), let status = try exchange.project().store.compactionStatus(number) else {
            throw Problem.notFound("there was no compaction \(written.prefix(64)) since the server started")
        }
        return .json(document(number, status))
    }

    private static func document(_ number: Int64, _ status: CompactionStatus) -> JSONValue {
        let word: String
        var reason: String?
        switch status {
        case .queued: word = "queued"
        case .running: word = "running"
        case .succeeded: word = "succeeded"
        case .failed(let error): (word, reason) = ("failed", error.message)
        }
        var members: [JSONValue.Member] = [
            .init("id", .string(String(number))), .init("status", .string(word)),
        ]
        if let reason { members.append(.init("error", ["detail": .string(reason)])) }
        return .object(members)
    }
}
