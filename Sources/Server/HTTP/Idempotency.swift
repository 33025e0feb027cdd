internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// `Idempotency-Key`: the same key with the same body within a day gives the first answer again; with another body 422.
enum Idempotency {
    /// - Parameters:
    ///   - kept: what is kept of an answer for those who ask again.
    ///   - allowed: throws what stands against answering a caller who has a list of columns; the first answer may have been
    ///     another key's.
    static func run(
        _ exchange: Exchange, body: [UInt8], kept: ([UInt8]) -> [UInt8] = { $0 },
        allowed: () async throws -> Void = {},
        _ work: () async throws -> (status: HTTPResponse.Status, body: [UInt8])
    ) async throws -> Response {
        guard let key = exchange.request.headers[.idempotencyKey] else {
            let answer = try await work()
            return .json(bytes: answer.body, status: answer.status)
        }
        guard (1...255).contains(key.utf8.count) else {
            throw Problem.badRequest("Idempotency-Key has 1 to 255 characters", code: "bad_idempotency_key")
        }
        let (control, project) = (exchange.app.control, try exchange.requireCaller().project)
        // The path belongs to the request: one key cannot mean two kinds of work.
        let what = Array("\(exchange.request.method) \(exchange.request.uri.path)\n".utf8) + body
        switch try await control.beginIdempotency(project: project, key: key, request: Digest256(of: what)) {
        case .replay(let status, let bytes):
            if try !exchange.requireCaller().grant.isAll { try await allowed() }
            var response = Response.json(bytes: bytes, status: .init(code: status))
            response.headers[.idempotencyReplayed] = "true"
            return response
        case .mismatch:
            throw Problem(
                .unprocessableContent, "idempotency_mismatch",
                "this Idempotency-Key was used for another request within the last 24 hours; use a new one")
        case .inProgress:
            var problem = Problem.conflict("idempotency_in_progress", "the same request is being answered right now")
            problem.headers[.retryAfter] = "1"
            throw problem
        case .first:
            do {
                let answer = try await work()
                try await control.completeIdempotency(
                    project: project, key: key, status: answer.status.code, body: kept(answer.body))
                return .json(bytes: answer.body, status: answer.status)
            } catch {
                try await control.releaseIdempotency(project: project, key: key)
                throw error
            }
        }
    }

    /// An answer with null in place of a secret, to be kept.
    static func without(_ name: String, _ answer: [UInt8]) -> [UInt8] {
        guard case .object(let members)? = try? JSONValue(answer.span) else { return [] }
        return Array(JSONValue.object(members.map { $0.key == name ? .init($0.key, nil) : $0 }).text.utf8)
    }
}
