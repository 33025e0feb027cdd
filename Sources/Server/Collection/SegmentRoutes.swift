internal import Collect
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// Segment's tracking API, which RudderStack's SDKs speak too.
enum SegmentRoutes {
    static let routes = ["batch", "track", "identify", "alias", "page", "screen", "group"].map { call in
        Route(.post, "/v1/" + call, .collection) { exchange in try await collect(exchange, path: "/v1/" + call) }
    }

    private static func collect(_ exchange: Exchange, path: String) async throws -> Response {
        // A key that opens nothing is refused before anything of the body is waited for.
        let known = try Authentication.early(exchange)
        let body = try await Body.decoded(exchange)
        let caller = try known ?? Authentication.collector(exchange) { SegmentRequest.writeKey(in: body) }
        let runtime = try exchange.runtime(of: caller)
        var parsed = try SegmentRequest.parse(
            path: path, body: body, receivedAt: exchange.receivedAt, ids: exchange.app.ids)
        _ = try await runtime.append(&parsed, wire: .segment, bytes: body.count, metrics: exchange.app.metrics)
        return .json(bytes: SegmentRequest.reply)
    }
}
