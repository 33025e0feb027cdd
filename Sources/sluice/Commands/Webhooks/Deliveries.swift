import ArgumentParser
import Model

struct Deliveries: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what is and was sent to endpoints, and send it again.",
        subcommands: [DeliveriesList.self, DeliveriesShow.self, DeliveriesReplay.self])
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

struct DeliveriesReplay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send a delivery again, or all that failed, under the ids that they have.",
        discussion: """
            Many go behind what is new, so that nothing waits for them.

            Examples:
              sluice deliveries replay dlv_b --data ./data
              sluice deliveries replay --endpoint ep_x --from 2026-01-31 --data ./data
            """)

    @Argument(help: "The delivery's id; none for all that the flags say.")
    var id: String?

    @Option(name: .long, help: ArgumentHelp("All of an endpoint.", valueName: "ID"))
    var endpoint: String?

    @Option(name: .long, help: ArgumentHelp("Those in a status; what did not arrive if not said.", valueName: "STATUS"))
    var status: String?

    @Option(name: .long, help: ArgumentHelp("Those made since then.", valueName: "TIME"))
    var from: String?

    @Option(name: .long, help: ArgumentHelp("Those made before.", valueName: "TIME"))
    var to: String?

    @Flag(name: .long, help: "Send nothing; say how many it would be.")
    var preview = false

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard (id == nil) != (endpoint == nil) else { throw ValidationError("Give a delivery's id, or --endpoint ID.") }
        guard !preview || id == nil else { throw ValidationError("--preview goes with --endpoint ID.") }
    }

    func run() async throws {
        if let id {
            let path = "/v1/deliveries/\(PercentEncoding.encode(id))/replay"
            let answer = try await Session.run(connection) { client in try await client.json(.post, path) }
            return try Terminal.line(json ? answer.text : "The delivery \(id) is sent again.")
        }
        let given = [("endpoint", endpoint), ("status", status), ("from", from), ("to", to)]
        var members = given.compactMap { name, value in value.map { JSONValue.Member(name, .string($0)) } }
        if preview { members.append(.init("preview", true)) }
        let body = JSONValue.object(members)
        let answer = try await Session.run(connection) { client in
            try await client.json(.post, "/v1/deliveries/replay", body: body)
        }
        let count = Text.count((answer["replayed"] ?? answer["would_replay"])?.intValue ?? 0, "message")
        try Terminal.line(json ? answer.text : count + (preview ? " would be sent again." : " to be sent again."))
    }
}
