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
        var response: Response
        do {
            response = try await answer(request, context, found)
        } catch let error as HTTPParserError {
            throw error
        } catch {
            response = problem(error, context).response(requestID: context.id)
        }
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
        _ request: Request, _ context: SluiceContext, _ found: (node: RouteTable.Node, parameters: [String])?
    ) async throws -> Response {
        guard let found else { throw Problem.notFound("there is nothing at \(request.uri.path); see /docs") }
        var exchange = Exchange(
            request: request, context: context, app: app, receivedAt: SystemClock.now(), isTrusted: isTrusted,
            parameters: found.parameters)
        if let route = found.node.route(request.method) {
            exchange.caller = try Authentication.check(route, exchange)
            return try await route.handle(exchange)
        }
        switch request.method {
        case .head:
            guard let route = found.node.route(.get) else { throw Problem.methodNotAllowed(found.node.allowed) }
            exchange.caller = try Authentication.check(route, exchange)
            return try await route.handle(exchange).createHeadResponse()
        case .options: return CORS.preflight(found.node, request)
        default: throw Problem.methodNotAllowed(found.node.allowed)
        }
    }

    /// The answer to an error. What no room explains is a fault of ours: it goes to the log, not to the caller.
    private func problem(_ error: any Error, _ context: SluiceContext) -> Problem {
        if let known = Problem(mapping: error) { return known }
        app.metrics.faults.add(1)
        context.logger.error("a request failed", metadata: ["error": "\(error)"])
        return .fault
    }
}
