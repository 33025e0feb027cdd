import ArgumentParser
import Model

struct Deliveries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what is and was sent to endpoints, and send it again.",
        subcommands: [
            DeliveriesList.self, DeliveriesShow.self, DeliveriesCurl.self, DeliveriesReplay.self,
            DeliveriesReplays.self,
            DeliveriesCancel.self,
        ])
}

struct DeliveriesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List deliveries, newest first.",
        discussion:
            "Statuses: pending, sending, delivered, exhausted, skipped, aborted; failed is exhausted or aborted.")

    @Option(name: .long, help: ArgumentHelp("Those of an endpoint.", valueName: "ID"))
    var endpoint: String?

    @Option(name: .long, help: ArgumentHelp("Those in a status.", valueName: "STATUS"))
    var status: String?

    @Option(name: .long, help: ArgumentHelp("Those of messages of a type, such as trigger.fired.", valueName: "TYPE"))
    var type: String?

    @Option(name: .customLong("message"), help: ArgumentHelp("Those of one message.", valueName: "WEBHOOK-ID"))
    var message: String?

    @Option(name: .long, help: ArgumentHelp("At most that many.", valueName: "N"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    func run() async throws {
        var query: [(String, String)] = []
        if let endpoint { query.append(("endpoint", endpoint)) }
        if let status { query.append(("status", status)) }
        if let type { query.append(("type", type)) }
        if let message { query.append(("webhook_id", message)) }
        let deliveries = try await Session.run(connection) { [query, limit] client in
            try await client.pages("/v1/deliveries", query: query, limit: limit)
        }
        if json { return try Terminal.line(deliveries.json.text) }
        let rows = deliveries.rows.map { delivery in
            ["id", "endpoint", "type", "seq", "status", "attempts", "created_at", "next_attempt_at", "reason"].map {
                Text.plain(delivery[$0])
            }
        }
        try Terminal.line(
            Text.table([["ID", "ENDPOINT", "TYPE", "SEQ", "STATUS", "TRIES", "MADE", "NEXT", "REASON"]] + rows))
    }
}

struct DeliveriesShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a delivery with its body and all attempts, as JSON.")

    @Argument(help: "The delivery's id.")
    var id: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = "/v1/deliveries/\(PercentEncoding.encode(id))"
        let found = try await Session.run(connection) { client in try await client.json(.get, path) }
        try Terminal.line(found.text)
    }
}

struct DeliveriesCurl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "curl",
        abstract: "Show a delivery as a curl command that sends it, signed anew.",
        discussion: """
            Receivers accept the signature for five minutes. It is written down who asked; what the endpoint's own headers say is \
            shown to keys with the scope admin alone.

            Example:
              sluice deliveries curl dlv_b --data ./data
            """)

    @Argument(help: "The delivery's id.")
    var id: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = "/v1/deliveries/\(PercentEncoding.encode(id))/curl"
        let text = try await Session.run(connection) { client in try await client.text(path) }
        try Terminal.line(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    }
}
