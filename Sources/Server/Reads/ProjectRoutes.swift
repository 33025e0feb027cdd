internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model

/// Projects: each has its own events and keys.
enum ProjectRoutes {
    static let routes = [
        Route(.get, "/v1/projects", .scope(.admin), audit: .none, list),
        Route(.post, "/v1/projects", .scope(.admin), audit: .act("projects.create"), create),
    ]

    /// All projects for those who govern them; otherwise the caller's own.
    private static func list(_ exchange: Exchange) async throws -> Response {
        let caller = try exchange.requireCaller()
        let limit = try exchange.query.limit()
        let after = exchange.query["cursor"] ?? ""
        let visible = try await exchange.app.control.projects().filter { project in
            (caller.governsProjects || project.name == caller.project) && project.name > after
        }
        return .page(
            visible.prefix(limit).map { project in
                [
                    "name": .string(project.name), "created_at": JSONValue(project.createdAt),
                    "write_keys": .array(project.writeKeys.map { .string($0) }),
                ]
            }, next: visible.count > limit ? visible[limit - 1].name : nil)
    }

    /// Makes a project and sets it to work. Its secret key is in this answer and nowhere else: the answer that is kept
    /// under an `Idempotency-Key` says null in its place.
    private static func create(_ exchange: Exchange) async throws -> Response {
        guard try exchange.requireCaller().governsProjects else {
            throw Problem.forbidden("only an admin key of the project \(ControlStore.defaultProject) makes projects")
        }
        let bytes = try await Body.decoded(exchange, limit: Body.documentBytes)
        return try await Idempotency.run(exchange, body: bytes, kept: { Idempotency.without("secret_key", $0) }) {
            let made = try await make(try Body.parse(bytes), exchange)
            return (.created, Array(made.json.text.utf8))
        }
    }

    private static func make(_ body: JSONValue, _ exchange: Exchange) async throws -> NewProject {
        guard let name = body["name"]?.stringValue else { throw Problem.badRequest("send {\"name\": \"…\"}") }
        let app = exchange.app
        let made = try await app.control.createProject(name)
        if let project = try await app.control.projects().first(where: { $0.name == name }) {
            try await app.projects.open(project)
        }
        try await app.keys.reload()
        exchange.logger.info("a project was made", metadata: ["project": "\(name)"])
        return made
    }
}

extension Body {
    /// The document that a body is.
    static func parse(_ bytes: [UInt8]) throws(Problem) -> JSONValue {
        do throws(JSONError) { return try JSONValue(bytes.span) } catch {
            var problem = Problem.badRequest(
                "the body is not JSON: \(error.reason) at byte \(error.offset)", code: "malformed")
            problem.members = [.init("offset", JSONValue(error.offset))]
            throw problem
        }
    }
}
