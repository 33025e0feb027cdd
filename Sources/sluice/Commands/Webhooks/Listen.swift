import ArgumentParser
import AsyncHTTPClient
import Connectors
import Model
import NIOCore
import NIOHTTP1

struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "While developing: pass what is collected on to a program on this machine, signed as a webhook is.",
        discussion: """
            The server need not reach this machine: what is collected is watched, made into the messages that an endpoint would get, signed, and posted to the \
            URL. Each line says what it answered. Nothing is kept or tried again, and the server has no endpoint afterwards. Ends with Ctrl-C.

            Whose an identity is is not known here: person_id is null.

            Examples:
              sluice listen --forward http://localhost:3000/hooks --data ./data
              sluice listen --forward http://localhost:3000/hooks --event Purchased --server https://sluice.example.com --key KEY
            """)

    @Option(name: .long, help: ArgumentHelp("Where messages are posted to.", valueName: "URL"))
    var forward: String

    @Option(
        name: .customLong("event"),
        help: ArgumentHelp("Only events of that name; once for each. All if not said.", valueName: "NAME"))
    var events: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("The secret to sign with; a new one, which is shown, if not said.", valueName: "SECRET"))
    var secret: String?

    @Option(name: .long, help: ArgumentHelp("End after so many messages.", valueName: "N"))
    var limit: Int?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        guard forward.hasPrefix("http://") || forward.hasPrefix("https://") else {
            throw Failure(.usage, "--forward \(forward): give a URL that begins with http:// or https://")
        }
        let secret: WebhookSecret
        do throws(ConnectorError) {
            secret = try self.secret.map { (text) throws(ConnectorError) in try WebhookSecret(text) } ?? .make()
        } catch {
            throw Failure(.usage, "--secret: \(error)")
        }
        let names = events.map { "&event=" + PercentEncoding.encode($0) }.joined()
        let path = "/v1/events/live?verdict=accepted" + names
        let forwarder = Forwarder(
            url: forward, secret: secret, project: connection.project ?? "default", isJSON: json)
        let (limit, isJSON, isGiven) = (limit, json, self.secret != nil)
        try await Session.run(connection) { client in
            guard !client.isShortLived else {
                throw Failure(
                    .unreachable, "no server runs on that folder, so nothing is collected; start it with: sluice serve")
            }
            let response = try await client.open(.get, path, headers: [("Accept", "text/event-stream")])
            try await forwarder.pass(response, limit: limit) {
                let shown = isGiven ? "" : ", signed with \(secret.text)"
                try Terminal.line(
                    isJSON
                        ? JSONValue.object([
                            .init("forward", .string(forwarder.url)),
                            .init("secret", isGiven ? .null : .string(secret.text)),
                        ]).text
                        : "Passing events on to \(forwarder.url)\(shown)")
            }
        }
    }
}

/// Makes messages of what is watched, and posts them.
struct Forwarder: Sendable {
    let url: String
    let secret: WebhookSecret
    let project: String
    let isJSON: Bool

    private static let timeout = TimeAmount.seconds(30)
    /// Of an event as it is watched.
    private static let mostBytes = 4 << 20

    /// - Parameter ready: called once nothing that is collected is missed any more.
    func pass(_ response: HTTPClientResponse, limit: Int?, ready: () throws -> Void) async throws {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.connectionPool.retryConnectionEstablishment = false
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            try await each(response, limit: limit, ready: ready) { item in try await post(item, http) }
            try await http.shutdown()
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    private func each(
        _ response: HTTPClientResponse, limit: Int?, ready: () throws -> Void, _ body: (JSONValue) async throws -> Void
    ) async throws {
        var (pending, count, isReady): ([UInt8], Int, Bool) = ([], 0, false)
        do {
            for try await piece in response.body {
                if !isReady { try ready() }
                isReady = true
                pending += piece.readableBytesView
                guard pending.count <= Self.mostBytes else {
                    throw Failure(.failed, "an event is longer than \(Self.mostBytes) bytes")
                }
                while let end = pending.firstIndex(of: 0x0a) {
                    let line = Array(pending[..<end])
                    pending.removeFirst(end + 1)
                    guard line.starts(with: Array("data: ".utf8)) else { continue }
                    let text = Array(line.dropFirst(6))
                    guard let item = try? JSONValue(text.span), item["type"] == "track" else { continue }
                    try await body(item)
                    count += 1
                    if let limit, count >= limit { return }
                }
            }
        } catch let failure as Failure { throw failure } catch let error as CancellationError { throw error } catch {
            throw Failure(.unreachable, "the server ended: \(ClientErrors.describe(error))")
        }
    }

    private func post(_ item: JSONValue, _ http: HTTPClient) async throws {
        let seq = item["seq"]?.text ?? "0"
        let id = WebhookSigning.messageID(["event.recorded", project, seq])
        let names = ["seq", "event_id", "identity", "event", "timestamp", "received_at", "properties"]
        var data = names.map { JSONValue.Member($0, item[$0] ?? .null) }
        data.insert(.init("person_id", .null), at: 3)
        let message: JSONValue = [
            "type": "event.recorded", "timestamp": item["timestamp"] ?? .null, "id": .string(id), "data": .object(data),
        ]
        let body = Array(message.text.utf8)
        let seconds = ClockCheck.seconds()
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "user-agent", value: WebhookTarget.agent)
        for (name, value) in WebhookSigning.headers(id: id, timestamp: seconds, body: body, secrets: [secret]) {
            request.headers.add(name: name, value: value)
        }
        request.body = .bytes(ByteBuffer(bytes: body))
        let start = ContinuousClock.now
        var (status, failure): (Int64?, String?)
        do {
            let answer = try await http.execute(request, timeout: Self.timeout)
            status = Int64(answer.status.code)
            // So that the connection can be used again; what it says is the program's own affair.
            _ = try? await answer.body.collect(upTo: 1 << 20)
        } catch {
            if Task.isCancelled { throw CancellationError() }
            failure = ClientErrors.describe(error)
        }
        let took = Double((ContinuousClock.now - start) / .microseconds(1)) / 1_000
        try tell(item, id, status, failure, took)
    }

    private func tell(
        _ item: JSONValue, _ id: String, _ status: Int64?, _ failure: String?, _ took: Double
    ) throws {
        guard !isJSON else {
            let line: JSONValue = [
                "webhook_id": .string(id), "seq": item["seq"] ?? .null, "event": item["event"] ?? .null,
                "status": status.map { JSONValue($0) } ?? .null, "error": failure.map { .string($0) } ?? .null,
                "ms": .number(String(took)),
            ]
            return try Terminal.line(line.text)
        }
        let rounded = (took * 10).rounded() / 10
        let what = "\(Text.plain(item["event"])) #\(Text.plain(item["seq"])) of \(Text.plain(item["identity"]))"
        try Terminal.line(status.map { "\(what) → \($0) in \(rounded) ms" } ?? "\(what) → \(failure ?? "no answer")")
    }
}
