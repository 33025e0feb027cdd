internal import Collect
internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import NIOCore

/// KISSmetrics' three calls. The answer is always 200 and a GIF, so that pages fire their callbacks, even where a body
/// cannot be read, but for an event that could not be made durable: 503 without a GIF, and SDKs send it again.
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
                let body: [UInt8]
                do { body = try await Body.decoded(exchange) } catch {
                    guard let problem = Problem(mapping: error), (400..<500).contains(problem.status.code) else {
                        throw error
                    }
                    return try await refuse(exchange, path: path, query: query, problem)
                }
                if !query.isEmpty, !body.isEmpty { query.append(0x26) }
                return try await collect(exchange, path: path, query: query + body)
            },
            // A probe must not count as an event.
            Route(.head, path, .collection) { _ in gif.createHeadResponse() },
        ]
    }

    private static func collect(_ exchange: Exchange, path: String, query: [UInt8]) async throws -> Response {
        guard let runtime = try project(exchange, path: path, query: query) else { return gif }
        var parsed = KissmetricsRequest.parse(
            path: path, query: query, receivedAt: exchange.receivedAt, ids: exchange.app.ids)
        _ = try await runtime.append(&parsed, wire: .kissmetrics, bytes: query.count, metrics: exchange.app.metrics)
        return gif
    }

    /// Answers a call whose body cannot be read: it becomes a reject of the project whose key the query or a header has.
    private static func refuse(
        _ exchange: Exchange, path: String, query: [UInt8], _ problem: Problem
    ) async throws -> Response {
        let answer = problem.endsConnection ? lastGIF : gif
        guard let runtime = try project(exchange, path: path, query: query) else { return answer }
        var parsed = KissmetricsRequest.refused(
            problem.detail, path: path, query: query, receivedAt: exchange.receivedAt)
        _ = try await runtime.append(&parsed, wire: .kissmetrics, bytes: query.count, metrics: exchange.app.metrics)
        return answer
    }

    /// The project of a call; nil if its key opens none, which is noted.
    private static func project(
        _ exchange: Exchange, path: String, query: [UInt8]
    ) throws(Problem) -> ProjectRuntime? {
        let key = KissmetricsRequest.key(in: query) ?? Authentication.headerKey(exchange.request.headers)
        guard let caller = key.flatMap({ collector($0, exchange) }) else {
            exchange.app.unknownKeys.note(key, path: path, at: exchange.receivedAt)
            return nil
        }
        do { try exchange.count(caller) } catch {
            // These senders know two answers: taken, and to be sent again.
            throw .unavailable(error.code, error.detail, retryAfter: Int(exchange.note.rate?.retryAfter ?? 1))
        }
        return try exchange.runtime(of: caller)
    }

    /// The caller of a key that may collect.
    private static func collector(_ key: String, _ exchange: Exchange) -> Caller? {
        guard let caller = Authentication.collector(key, exchange), caller.scopes.allows(.collect) else { return nil }
        return caller
    }

    private static let gif = Response(
        status: .ok, headers: [.contentType: TransparentGIF.mediaType, .cacheControl: "no-store"],
        body: .init(byteBuffer: ByteBuffer(bytes: TransparentGIF.bytes)))

    /// The answer to a request that is still to come: nothing more of it is read.
    private static let lastGIF = Response(
        status: .ok,
        headers: [.contentType: TransparentGIF.mediaType, .cacheControl: "no-store", .connection: "close"],
        body: .init(lastBytes: TransparentGIF.bytes))
}
