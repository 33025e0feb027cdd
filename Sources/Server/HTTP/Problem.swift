internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// A refusal as RFC 9457 writes it: `application/problem+json` with `type`, `title`, `status`, `detail`, and our `code`.
struct Problem: Error, Sendable {
    /// What went wrong, one of few words: a client may compare it, a metric may carry it.
    let code: String
    let status: HTTPResponse.Status
    /// What was wrong, where, and what to do. Never a secret, never row data.
    let detail: String
    var headers: HTTPFields = [:]
    /// Further members of the document.
    var members: [JSONValue.Member] = []
    /// Whether the connection ends with the answer: what is still to come of the request is not waited for.
    var endsConnection = false

    init(_ status: HTTPResponse.Status, _ code: String, _ detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    /// The answer. `requestID` is also in the log line of an error of ours.
    func response(requestID: String) -> Response {
        var document: [JSONValue.Member] = [
            .init("type", .string("urn:sluice:problem:" + code)), .init("title", .string(status.reasonPhrase)),
            .init("status", .number(String(status.code))), .init("detail", .string(detail)),
            .init("code", .string(code)), .init("request_id", .string(requestID)),
        ]
        document += members
        var fields = headers
        fields[.contentType] = "application/problem+json"
        fields[.cacheControl] = "no-store"
        fields[.xRequestID] = requestID
        if endsConnection {
            fields[.connection] = "close"
            return Response(status: status, headers: fields, body: .init(lastJSON: .object(document)))
        }
        return Response(status: status, headers: fields, body: .init(json: .object(document)))
    }
}

extension Problem {
    static func badRequest(_ detail: String, code: String = "bad_request") -> Problem {
        Problem(.badRequest, code, detail)
    }

    /// A query parameter that cannot be read.
    static func parameter(_ name: String, _ detail: String) -> Problem {
        var problem = Problem(.badRequest, "bad_parameter", "\(name): \(detail)")
        problem.members = [.init("parameter", .string(name))]
        return problem
    }

    /// No key, or one that opens nothing.
    static func unauthorized(_ detail: String) -> Problem {
        var problem = Problem(.unauthorized, "unauthorized", detail)
        problem.headers[.wwwAuthenticate] = #"Bearer realm="sluice", Basic realm="sluice""#
        return problem
    }

    static func forbidden(_ detail: String) -> Problem { Problem(.forbidden, "forbidden", detail) }

    /// A column that the key may not see.
    static func column(_ need: ColumnNeed) -> Problem {
        var problem = Problem(
            .forbidden, "column_forbidden",
            "this key does not read the column \(need.text), which this gives out, selects by or sorts by")
        problem.members = [.init("column", .string(need.text))]
        return problem
    }

    static func notFound(_ detail: String) -> Problem { Problem(.notFound, "not_found", detail) }
    static func conflict(_ code: String, _ detail: String) -> Problem { Problem(.conflict, code, detail) }

    static func tooLarge(_ detail: String) -> Problem { Problem(.contentTooLarge, "too_large", detail) }

    static func methodNotAllowed(_ allowed: String) -> Problem {
        var problem = Problem(.methodNotAllowed, "method_not_allowed", "this path answers to \(allowed)")
        problem.headers[.allow] = allowed
        return problem
    }

    /// The server cannot now, but will.
    static func unavailable(_ code: String, _ detail: String, retryAfter seconds: Int = 1) -> Problem {
        var problem = Problem(.serviceUnavailable, code, detail)
        problem.headers[.retryAfter] = String(seconds)
        return problem
    }

    /// A fault of ours: nothing of it leaves but that it happened.
    static let fault = Problem(
        .internalServerError, "internal_error", "the server failed; its log has the reason under this request id")
}

extension HTTPField.Name {
    /// The id under which the log knows a request.
    static let xRequestID = constant("X-Request-Id")
    static let idempotencyKey = constant("Idempotency-Key")
    static let idempotencyReplayed = constant("Idempotency-Replayed")
    static let sluiceProject = constant("Sluice-Project")
    static let sluiceAsOfSeq = constant("Sluice-As-Of-Seq")
    static let sluiceNextCursor = constant("Sluice-Next-Cursor")
    static let rateLimitLimit = constant("RateLimit-Limit")
    static let rateLimitRemaining = constant("RateLimit-Remaining")
    static let rateLimitReset = constant("RateLimit-Reset")
    /// Tells a proxy to pass a stream on as it comes.
    static let xAccelBuffering = constant("X-Accel-Buffering")

    /// A name that is written in this program and known to be one.
    private static func constant(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is no header's name") }
        return name
    }
}

extension ResponseBody {
    /// A document, in one buffer so that it goes out in one write.
    init(json: JSONValue) {
        var bytes: [UInt8] = []
        json.write(to: &bytes)
        self.init(byteBuffer: ByteBuffer(bytes: bytes))
    }

    /// A document that is the last of its connection.
    init(lastJSON json: JSONValue) {
        var bytes: [UInt8] = []
        json.write(to: &bytes)
        self.init(lastBytes: bytes)
    }

    /// Bytes that are the last of their connection.
    init(lastBytes bytes: [UInt8]) {
        self.init(contentLength: bytes.count) { writer in
            try await writer.write(ByteBuffer(bytes: bytes))
            try await writer.finish(nil)
            // The framework closes a connection only if the client asked for it, or if writing an answer fails.
            throw ConnectionEnd()
        }
    }
}

/// Thrown after an answer's last byte to close the connection.
struct ConnectionEnd: Error {}
