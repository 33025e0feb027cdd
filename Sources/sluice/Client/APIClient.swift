import AsyncHTTPClient
import Model
import NIOCore
import NIOHTTP1
import NIOSSL

/// Speaks to a server over HTTP, be it far away or behind the socket in a data folder.
struct APIClient: Sendable {
    /// Answers that are read whole may have at most this many bytes.
    private static let largestAnswer = 256 << 20
    /// A connection that takes longer is none.
    private static let connectTimeout = TimeAmount.seconds(10)

    private let http: HTTPClient
    /// The address up to the path.
    private let base: String
    /// The address as a person would say it.
    let name: String
    private let headers: [(String, String)]
    /// Whether the server runs on this machine under this user, so that it can write files for us.
    let isLocal: Bool
    /// Whether the server is one of this command's own, which ends with it.
    let isShortLived: Bool

    /// Lends a client for a server at an address.
    static func withClient<T>(
        url: String, key: String?, _ body: (APIClient) async throws -> T
    ) async throws -> T {
        let headers = key.map { [("Authorization", "Bearer \($0)")] } ?? []
        return try await with(base: url, name: url, headers: headers, isLocal: false, isShortLived: false, body)
    }

    /// Lends a client for a server behind a socket.
    static func withClient<T>(
        socket path: String, project: String?, isShortLived: Bool = false, _ body: (APIClient) async throws -> T
    ) async throws -> T {
        let headers = project.map { [("Sluice-Project", $0)] } ?? []
        return try await with(
            base: "http+unix://" + PercentEncoding.encode(path), name: path, headers: headers, isLocal: true,
            isShortLived: isShortLived, body)
    }

    private static func with<T>(
        base: String, name: String, headers: [(String, String)], isLocal: Bool, isShortLived: Bool,
        _ body: (APIClient) async throws -> T
    ) async throws -> T {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = connectTimeout
        configuration.redirectConfiguration = .disallow
        if let file = Environment["SLUICE_CA_FILE"] {
            // A server whose certificate no public authority signed.
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(file)
            configuration.tlsConfiguration = tls
        }
        // Nobody there means nobody there: a person should not wait for ten seconds to read it.
        configuration.connectionPool.retryConnectionEstablishment = false
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let result = try await body(
                APIClient(
                    http: http, base: base, name: name, headers: headers, isLocal: isLocal, isShortLived: isShortLived))
            try await http.shutdown()
            return result
        } catch {
            // The first error is the one to report; a failing shutdown adds nothing to it.
            try? await http.shutdown()
            throw error
        }
    }

    /// Sends a request and reads the answer as JSON.
    ///
    /// - Throws: `Failure`: `.unreachable`, `.refused`, or what the server's problem document says.
    func json(_ method: APIMethod, _ path: String, body: JSONValue? = nil) async throws -> JSONValue {
        try await placed(method, path, body: body).document
    }

    /// The same, with where the answer says that what it made is.
    func placed(
        _ method: APIMethod, _ path: String, body: JSONValue? = nil
    ) async throws -> (document: JSONValue, place: String?) {
        var headers = [("Accept", "application/json")]
        var content: HTTPClientRequest.Body?
        if let body {
            headers.append(("Content-Type", "application/json"))
            content = .bytes(ByteBuffer(string: body.text))
        }
        let response = try await open(method, path, headers: headers, body: content)
        return (try await Self.document(response, from: name), response.headers.first(name: "Location"))
    }

    /// Reads a whole answer as text.
    func text(_ path: String) async throws -> String {
        let response = try await open(.get, path)
        do { return String(buffer: try await response.body.collect(upTo: Self.largestAnswer)) } catch {
            throw Failure(.unreachable, "the answer of \(name) broke off: \(ClientErrors.describe(error))")
        }
    }

    /// Sends a request and hands back the answer once its head says success; the body is the caller's to read.
    func open(
        _ method: APIMethod, _ path: String, headers extra: [(String, String)] = [],
        body: HTTPClientRequest.Body? = nil
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: base + path)
        request.method = .RAW(value: method.rawValue)
        request.headers.add(name: "User-Agent", value: "sluice/\(ProgramVersion.text)")
        for (name, value) in headers + extra { request.headers.add(name: name, value: value) }
        request.body = body
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, deadline: .distantFuture)
        } catch let error as CancellationError {
            throw error
        } catch let failure as Failure {
            throw failure
        } catch {
            guard !Task.isCancelled else { throw CancellationError() }
            if case NIOSSLError.handshakeFailed = error {
                throw Failure(
                    .unreachable,
                    "the server at \(name) shows a certificate that is not trusted: if it is yours, name the authority that "
                        + "signed it by SLUICE_CA_FILE=FILE (\(ClientErrors.describe(error)))")
            }
            throw Failure(.unreachable, "no server answers at \(name): \(ClientErrors.describe(error))")
        }
        guard (200..<300).contains(response.status.code) else { throw await refusal(response, at: path) }
        return response
    }

    /// Reads a whole answer as JSON.
    static func document(_ response: HTTPClientResponse, from name: String) async throws -> JSONValue {
        let bytes: ByteBuffer
        do { bytes = try await response.body.collect(upTo: largestAnswer) } catch {
            throw Failure(.unreachable, "the answer of \(name) broke off: \(ClientErrors.describe(error))")
        }
        guard let value = try? JSONValue(Array(bytes.readableBytesView).span) else {
            throw Failure(.failed, "the answer of \(name) is not JSON; is that a Sluice server?")
        }
        return value
    }

    /// What an answer that is no success means for the exit code.
    private func refusal(_ response: HTTPClientResponse, at path: String) async -> Failure {
        let status = Int(response.status.code)
        let body = try? await response.body.collect(upTo: 1 << 20)
        let problem = body.flatMap { try? JSONValue(Array($0.readableBytesView).span) }
        let detail =
            problem?["detail"]?.stringValue ?? problem?["title"]?.stringValue
            ?? "\(status) \(response.status.reasonPhrase)"
        switch status {
        case 401:
            return Failure(.refused, "\(name) refused the key: \(detail). Give the project's secret key with --key KEY")
        case 403: return Failure(.refused, "\(name) refused: \(detail)")
        case 400, 422: return Failure(.usage, detail)
        case 404: return Failure(.failed, detail)
        case 503:
            let isLagging = problem?["code"]?.stringValue == "store_lagging"
            return Failure(.failed, "\(name) cannot answer now: \(detail)", isLagging: isLagging)
        default: return Failure(.failed, "\(name) answered \(status): \(detail)")
        }
    }
}

/// The methods that the server's API knows.
enum APIMethod: String { case get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE" }
