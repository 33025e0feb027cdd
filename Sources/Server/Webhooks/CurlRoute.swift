internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import NIOCore
internal import Webhooks

/// `GET /v1/deliveries/{id}/curl`: a delivery as a command that sends it, with a signature of this moment.
enum CurlRoute {
    /// Whoever can send it again, and see what it says, gets it; what headers of the endpoint's own say is for administrators alone.
    static func show(_ exchange: Exchange) async throws -> Response {
        let number = try DeliveryRoutes.number(exchange)
        guard try exchange.seesMessages() else {
            throw Problem.forbidden(
                "the command has the message in it, so the key needs events:read and people:read, and all columns")
        }
        let now = exchange.receivedAt
        let found = try await exchange.app.webhooks.store.signed(
            number, project: try exchange.project().name, now: now)
        guard let found else { throw DeliveryRoutes.none }
        exchange.note.rows(1)
        let sees = try exchange.requireCaller().scopes.contains(.admin)
        var lines = ["# Signed at \(now.text); receivers accept it for five minutes."]
        if !sees, !found.ownHeaders.isEmpty {
            lines.append("# What the endpoint's own headers say is shown to keys with the scope admin.")
        }
        if found.hasCertificate {
            lines.append("# The endpoint has a client's certificate: add --cert FILE --key FILE.")
        }
        lines.append(CurlText.text(found.request, hidden: sees ? [] : found.ownHeaders))
        return Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: lines.joined(separator: "\n") + "\n")))
    }
}
