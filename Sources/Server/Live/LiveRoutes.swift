internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import NIOCore
internal import ServiceLifecycle

/// What is collected, as it comes in, with its verdicts: server-sent events.
enum LiveRoutes {
    static let routes = [Route(.get, path, .scope(.eventsRead), audit: .read(action, of: "events"), watch)]

    private static let path = "/v1/events/live"
    private static let action = "events.live"
    /// So that whoever is in between sees that the connection lives, and a key that ended is noticed.
    private static let pulse = Duration.seconds(15)

    private static func watch(_ exchange: Exchange) async throws -> Response {
        let filter = try filter(exchange)
        let feed = try exchange.project().live
        guard feed.hasRoom else {
            throw Problem.unavailable(
                "too_many_watchers", "at most \(LiveFeed.mostWatchers) watch a project at once; try again later",
                retryAfter: 30)
        }
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        headers[.xAccelBuffering] = "no"
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                // Not before: an answer whose body nobody asks for watches nothing.
                guard let watcher = feed.watch() else { return try await writer.finish(nil) }
                var seen = 0
                defer {
                    feed.leave(watcher)
                    exchange.noteEnd(action, of: "events", rows: seen)
                }
                try await writer.write(ByteBuffer(string: "retry: 2000\n: watching\n\n"))
                var isOver = false
                while !isOver {
                    var out: [UInt8] = []
                    switch await watcher.next(within: pulse) {
                    case .batch(let batch): seen += filter.write(batch, to: &out)
                    case .lost(let count): out = Array("event: lost\ndata: {\"lost\":\(count)}\n\n".utf8)
                    case .pause: out = Array(": \(SystemClock.now().text)\n\n".utf8)
                    case .end: isOver = true
                    }
                    // A key that was revoked or has expired sees nothing more.
                    guard isAllowed(exchange) else { break }
                    if !out.isEmpty { try await writer.write(ByteBuffer(bytes: out)) }
                }
                try await writer.finish(nil)
            })
    }

    private static func isAllowed(_ exchange: Exchange) -> Bool {
        let route = Route(.get, path, .scope(.eventsRead)) { _ in Response(status: .ok) }
        let now = Exchange(
            request: exchange.request, context: exchange.context, app: exchange.app, receivedAt: SystemClock.now(),
            isTrusted: exchange.isTrusted, note: exchange.note)
        return (try? Authentication.check(route, now)) != nil
    }

    private static func filter(_ exchange: Exchange) throws(Problem) -> LiveFilter {
        var filter = LiveFilter()
        let names = exchange.query.all("event")
        if !names.isEmpty { filter.names = Set(names.map { ExactText($0) }) }
        filter.identity = exchange.query["identity"].map { ExactText($0) }
        let words = exchange.query.all("verdict")
        guard !words.isEmpty else { return filter }
        var verdicts: Set<LiveFilter.Verdict> = []
        for word in words {
            guard let verdict = LiveFilter.Verdict(rawValue: word) else {
                throw .parameter("verdict", "must be accepted, duplicate or rejected")
            }
            verdicts.insert(verdict)
        }
        filter.verdicts = verdicts
        return filter
    }
}

/// Ends what watchers see when the server ends. It stands after the servers in the list, so that it hears of it first.
struct LiveEnd: Service {
    let projects: ProjectRegistry

    func run() async throws {
        try? await gracefulShutdown()
        for project in projects.all { project.live.close() }
    }
}
