import ArgumentParser
import Model

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
        let (answer, place) = try await Session.run(connection) { client in
            try await client.placed(.post, "/v1/deliveries/replay", body: body)
        }
        if json { return try Terminal.line(answer.text) }
        let count = Text.count((answer["replayed"] ?? answer["would_replay"])?.intValue ?? 0, "message")
        if preview { return try Terminal.line(count + " would be sent again.") }
        let made = place.flatMap { $0.split(separator: "/").last }.map {
            " How far that is: sluice deliveries replays \($0); to call it off: sluice deliveries cancel \($0)"
        }
        try Terminal.line(count + " to be sent again." + (made ?? ""))
    }
}

struct DeliveriesReplays: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replays",
        abstract: "List what was sent again together and how far that is, newest first; or show one of it.",
        discussion: """
            ELSEWHERE are those that went on by themselves: asked for again one by one or in a later replay, erased, or too old.

            Examples:
              sluice deliveries replays --endpoint ep_x --data ./data
              sluice deliveries replays rpl_b --data ./data
            """)

    @Argument(help: "The replay's id; none for all.")
    var id: String?

    @Option(name: .long, help: ArgumentHelp("Those of an endpoint.", valueName: "ID"))
    var endpoint: String?

    @Option(name: .long, help: ArgumentHelp("At most that many.", valueName: "N"))
    var limit = 50

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
        guard id == nil || endpoint == nil else {
            throw ValidationError("A replay's id, or --endpoint ID: one of both.")
        }
    }

    func run() async throws {
        if let id {
            let path = "/v1/deliveries/replays/\(PercentEncoding.encode(id))"
            let found = try await Session.run(connection) { client in try await client.json(.get, path) }
            return try Terminal.line(json ? found.text : Text.table(Self.header + [Self.row(found)]))
        }
        let query = endpoint.map { [("endpoint", $0)] } ?? []
        let found = try await Session.run(connection) { [limit] client in
            try await client.pages("/v1/deliveries/replays", query: query, limit: limit)
        }
        try Terminal.line(json ? found.json.text : Text.table(Self.header + found.rows.map(Self.row)))
    }

    static let columns = [
        "id", "endpoint", "status", "total", "pending", "sending", "delivered", "failed", "put_back", "elsewhere",
        "created_at",
    ]
    static let header = [
        [
            "ID", "ENDPOINT", "STATUS", "TOTAL", "PENDING", "SENDING", "DELIVERED", "FAILED", "PUT BACK", "ELSEWHERE",
            "MADE",
        ]
    ]

    static func row(_ replay: JSONValue) -> [String] { columns.map { Text.plain(replay[$0]) } }
}

struct DeliveriesCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Call off what is sent again together: what was not sent yet is what it was before.",
        discussion: "What is on its way at this moment arrives.")

    @Argument(help: "The replay's id, as 'sluice deliveries replay' says it.")
    var id: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let path = "/v1/deliveries/replays/\(PercentEncoding.encode(id))/cancel"
        let answer = try await Session.run(connection) { client in try await client.json(.post, path) }
        if json { return try Terminal.line(answer.text) }
        let back = Text.count(answer["put_back"]?.intValue ?? 0, "message")
        try Terminal.line("The replay \(id) is called off: \(back) not sent again.")
    }
}
