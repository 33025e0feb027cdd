internal import Collect
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// `POST /v1/events`: items as JSON or NDJSON, each with a verdict of its own.
enum NativeRoutes {
    static let routes = [Route(.post, "/v1/events", .collection, collect)]

    static func collect(_ exchange: Exchange) async throws -> Response {
        // A key that opens nothing is refused before anything of the body is waited for.
        let known = try Authentication.early(exchange)
        let body = try await Body.decoded(exchange)
        let caller = try known ?? Authentication.collector(exchange) { SegmentRequest.writeKey(in: body) }
        let runtime = try exchange.runtime(of: caller)
        var parsed =
            isNDJSON(exchange.request)
            ? try NativeRequest.parse(ndjson: body, receivedAt: exchange.receivedAt, ids: exchange.app.ids)
            : try NativeRequest.parse(json: body, receivedAt: exchange.receivedAt, ids: exchange.app.ids)
        let receipt = try await runtime.append(&parsed, wire: .native, bytes: body.count, metrics: exchange.app.metrics)
        return .json(bytes: NativeReply.json(parsed, receipt))
    }

    /// Whether the body is one item a line. Whatever else it says it is, it is read as JSON: beacons say text/plain.
    private static func isNDJSON(_ request: Request) -> Bool {
        guard let type = request.headers.first(.contentType), type != "application/json" else { return false }
        let lower = type.lowercased()
        return ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"]
            .contains { lower.hasPrefix($0) }
    }
}

extension Exchange {
    /// The project of a caller on a collection route.
    func runtime(of caller: Caller) throws(Problem) -> ProjectRuntime {
        guard let runtime = app.projects.runtime(caller.project) else {
            throw .unavailable("project_opening", "the project \(caller.project) is not open yet")
        }
        return runtime
    }
}
