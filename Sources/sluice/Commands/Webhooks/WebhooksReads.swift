import ArgumentParser
import Model

struct WebhooksList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the endpoints.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let endpoints = try await Session.run(connection) { client in
            try await client.pages("/v1/webhooks/endpoints", query: [])
        }
        if json { return try Terminal.line(endpoints.json.text) }
        let rows = endpoints.rows.map { endpoint in
            [
                Text.plain(endpoint["id"]), Text.plain(endpoint["state"]),
                (endpoint["events"]?.arrayValue ?? []).map { Text.plain($0) }.joined(separator: ", "),
                Text.plain(endpoint["url"]), Text.plain(endpoint["reason"]),
            ]
        }
        try Terminal.line(Text.table([["ID", "STATE", "EVENTS", "URL", "REASON"]] + rows))
    }
}

struct WebhooksShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show an endpoint and how it fares, as JSON.")

    @OptionGroup var endpoint: EndpointName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let (path, stats) = (endpoint.path(), endpoint.path("/stats"))
        let found = try await Session.run(connection) { client in
            (try await client.json(.get, path), try await client.json(.get, stats))
        }
        guard case .object(let members) = found.0 else { return try Terminal.line(found.0.text) }
        try Terminal.line(JSONValue.object(members + [.init("stats", found.1)]).text)
    }
}

struct WebhooksAttempts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attempts", abstract: "List what was sent to an endpoint and what came of it, newest first.")

    @OptionGroup var endpoint: EndpointName

    @Option(name: .long, help: ArgumentHelp("At most that many.", valueName: "N"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    func run() async throws {
        let path = endpoint.path("/attempts")
        let attempts = try await Session.run(connection) { [limit] client in
            try await client.pages(path, query: [], limit: limit)
        }
        if json { return try Terminal.line(attempts.json.text) }
        let rows = attempts.rows.map { attempt in
            [
                Text.plain(attempt["at"]), Text.plain(attempt["delivery"]), Text.plain(attempt["attempt"]),
                attempt["status"] == .null ? Text.plain(attempt["error"]) : Text.plain(attempt["status"]),
                Text.plain(attempt["timings_ms"]?["total"]), Text.plain(attempt["next_attempt_at"]),
                Text.plain(attempt["detail"]),
            ]
        }
        try Terminal.line(Text.table([["AT", "DELIVERY", "TRY", "ANSWER", "MS", "NEXT", "DETAIL"]] + rows))
    }
}
