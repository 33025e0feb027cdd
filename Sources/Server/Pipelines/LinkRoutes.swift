internal import Connectors
internal import Destinations
internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Files that somebody got a link to: who has the link has the file, until it expires.
enum LinkRoutes {
    static let routes = [Route(.get, "/v1/links/{id}", .open, columns: .none, audit: .none, file)]

    private static func file(_ exchange: Exchange) async throws -> Response {
        let shelf = exchange.app.webhooks.shelf
        let (id, query) = (exchange.parameters[0], exchange.query)
        let (expires, signature) = (query["expires"] ?? "", query["signature"] ?? "")
        let found = try await Blocking.run {
            shelf.find(id: id, expires: expires, signature: signature, now: SystemTime.seconds())
        }
        // Nobody learns what of it is wrong.
        guard let found else { throw Problem.notFound("the link expired, or is none") }
        exchange.app.logger.info("a file was fetched by a link", metadata: ["file": "\(found.name)"])
        let headers: HTTPFields = [
            .contentType: "application/octet-stream",
            .contentDisposition: "attachment; filename=\"\(found.name)\"", .cacheControl: "private, no-store",
        ]
        let body = try await FileIO().loadFile(path: found.path, context: exchange.context)
        return Response(status: .ok, headers: headers, body: body)
    }
}
