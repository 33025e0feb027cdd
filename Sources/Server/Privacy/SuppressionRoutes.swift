internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// Identities that are refused since they were erased: how many they are, and the way back. Erasing adds to them.
enum SuppressionRoutes {
    static let routes = [
        Route(.get, "/v1/privacy/suppressions", .scope(.privacyWrite), audit: .none) { exchange in
            .json(["count": JSONValue(try exchange.project().suppressions.count)])
        },
        Route(
            .post, "/v1/privacy/suppressions/lift", .scope(.privacyWrite), audit: .discreetAct("suppressions.lift"),
            lift),
    ]

    private static func lift(_ exchange: Exchange) async throws -> Response {
        let identities = try await Body.identities(exchange)
        let lifted = try await exchange.project().suppressions.lift(identities)
        return .json(["lifted": JSONValue(lifted)])
    }
}

extension Body {
    /// The identities of a body that names them and nothing else.
    static func identities(_ exchange: Exchange) async throws -> [String] {
        let body = try parse(try await decoded(exchange, limit: documentBytes))
        guard case .object(let members) = body else {
            throw Problem.badRequest("send an object: {\"identities\": [\"…\"]}", code: "invalid_identities")
        }
        if let other = members.first(where: { $0.key != "identities" }) {
            throw Problem.badRequest(
                "\"\(other.key.prefix(64))\" is no field here; there is identities alone", code: "invalid_identities")
        }
        return try ErasureRoutes.identities(body)
    }
}
