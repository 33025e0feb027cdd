internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import NIOHTTP1

/// Leads a request to its route and turns whatever is thrown into a problem document.
///
/// A table of our own in place of the framework's router: 405, OPTIONS and HEAD follow from the table, and the test of
/// `openapi.yaml` reads it.
struct Dispatcher: HTTPResponder {
    let table: RouteTable
    let app: ServerState
    /// Whether requests come over the socket in the data folder, whose callers own the data anyway.
    let isTrusted: Bool

    func respond(to request: Request, context: SluiceContext) async throws -> Response {
        let began = SystemClock.monotonicMicroseconds()
        let found = table.find(request.uri.path)
        let exchange = Exchange(
            request: request, context: context, app: app, receivedAt: SystemClock.now(), isTrusted: isTrusted,
            note: RequestNote(), parameters: found?.parameters ?? [])
        let route = found?.node.route(request.method) ?? (request.method == .head ? found?.node.route(.get) : nil)
        var response: Response
        do {
            response = try await answer(exchange, route, found?.node)
        } catch let error as HTTPParserError {
            throw error
        } catch {
            response = problem(error, context).response(requestID: context.id)
        }
        if let route, route.isKeyed { await Auditing.record(route, exchange, status: Int(response.status.code)) }
        exchange.note.rate?.write(to: &response.headers)
        if let node = found?.node, node.isCollection { CORS.open(&response) }
        let took = SystemClock.monotonicMicroseconds() - began
        app.metrics.requestEnded(
            status: Int(response.status.code), microseconds: took, isCollection: found?.node.isCollection ?? false)
        context.logger.debug(
            "request",
            metadata: [
                "method": "\(request.method)", "path": "\(request.uri.path)",
                "status": .stringConvertible(Int(response.status.code)), "us": .stringConvertible(took),
            ])
        return response
    }

    private func answer(
        _ asked: Exchange, _ route: Route?, _ node: RouteTable.Node?
    ) async throws -> Response {
        let request = asked.request
        guard let node else { throw Problem.notFound("there is nothing at \(request.uri.path); see /docs") }
        guard let route else {
            if request.method == .options { return CORS.preflight(node, request) }
            throw Problem.methodNotAllowed(node.allowed)
        }
        let caller = try Authentication.check(route, asked)
        try Auditing.check(route, app)
        let response: Response
        // What comes without a caller is on the way of every event, and is not copied for one.
        if let caller {
            var exchange = asked
            exchange.caller = caller
            response = try await route.handle(exchange)
        } else {
            response = try await route.handle(asked)
        }
        // A path that answers to HEAD by itself says what its answer is.
        return route.method == request.method ? response : response.createHeadResponse()
    }

    /// The answer to an error. What no room explains is a fault of ours: it goes to the log, not to the caller.
    private func problem(_ error: any Error, _ context: SluiceContext) -> Problem {
        if let known = Problem(mapping: error) { return known }
        app.metrics.faults.add(1)
        context.logger.error("a request failed", metadata: ["error": "\(error)"])
        return .fault
    }
}
