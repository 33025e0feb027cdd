internal import Collect
internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import NIOCore

/// KISSmetrics' three calls. The answer is always 200 and a GIF, so that pages fire their callbacks, but for an event
/// that could not be made durable: 503 without a GIF, and SDKs send it again.
enum KissmetricsRoutes {
    static let routes = ["/e", "/s", "/a"].flatMap { path in
        [
            Route(.get, path, .collection) { exchange in
                try await collect(exchange, path: path, query: Array((exchange.request.uri.query ?? "").utf8))
            },
            Route(.post, path, .collection) { exchange in
                var query = Array((exchange.request.uri.query ?? "").utf8)
                // A key that opens nothing ends it before anything of the body is waited for.
                if let key = KissmetricsRequest.key(in: query), collector(key, exchange) == nil {
                    exchange.app.unknownKeys.note(key, path: path, at: exchange.receivedAt)
                    return gif
                }
                let body = try await Body.decoded(exchange)
                if !query.isEmpty, !body.isEmpty { query.append(0x26) }
                return try await collect(exchange, path: path, query: query + body)
            },
            // A probe must not count as an event.
            Route(.head, path, .collection) { _ in gif.createHeadResponse() },
        ]
    }

    private static func collect(_ exchange: Exchange, path: String, query: [UInt8]) async throws -> Response {
        let key = KissmetricsRequest.key(in: query) ?? Authentication.headerKey(exchange.request.headers)
        guard let caller = key.flatMap({ collector($0, exchange) }) else {
            exchange.app.unknownKeys.note(key, path: path, at: exchange.receivedAt)
            return gif
        }
        let runtime = try exchange.runtime(of: caller)
        let parsed = KissmetricsRequest.parse(
            path: path, query: query, receivedAt: exchange.receivedAt, ids: exchange.app.ids)
        _ = try await runtime.append(parsed, wire: .kissmetrics, bytes: query.count, metrics: exchange.app.metrics)
        return gif
    }

    /// The caller of a key that may collect.
    private static func collector(_ key: String, _ exchange: Exchange) -> Caller? {
        guard let caller = Authentication.collector(key, exchange), caller.scopes.allows(.collect) else { return nil }
        return caller
    }

    private static let gif = Response(
        status: .ok, headers: [.contentType: TransparentGIF.mediaType, .cacheControl: "no-store"],
        body: .init(byteBuffer: ByteBuffer(bytes: TransparentGIF.bytes)))
}
