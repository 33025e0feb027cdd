import ArgumentParser
import Model

struct WebhooksRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Give an endpoint another secret; the one before holds for a while.",
        discussion: "While both hold, each message has both signatures, and a receiver with either secret accepts it.")

    @OptionGroup var endpoint: EndpointName

    @Option(
        name: .long,
        help: ArgumentHelp("How long the secret before holds: 0s to 7d; 24h if not said.", valueName: "LENGTH"))
    var overlap: String?

    @Option(name: .long, help: ArgumentHelp("Your own secret.", valueName: "SECRET"))
    var secret: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        var members: [JSONValue.Member] = []
        if let overlap { members.append(.init("overlap", .string(overlap))) }
        if let secret { members.append(.init("secret", .string(secret))) }
        let (path, body) = (endpoint.path("/rotate"), JSONValue.object(members))
        let answer = try await Session.run(connection) { client in try await client.json(.post, path, body: body) }
        if json { return try Terminal.line(answer.text) }
        try Terminal.line(
            """
            The secret before holds until \(Text.plain(answer["overlap_ends_at"])). The new one is shown once, keep it.

            \(Text.plain(answer["secret"]))
            """)
    }
}

struct WebhooksEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Send to an endpoint again; what waited is sent.",
        discussion: """
            What came while it was disabled is listed as skipped: sluice deliveries replay --endpoint ID --status skipped
            """)

    @OptionGroup var endpoint: EndpointName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = endpoint.path("/enable")
        _ = try await Session.run(connection) { client in try await client.json(.post, path) }
        try Terminal.line("The endpoint \(endpoint.id) is active.")
    }
}

struct WebhooksDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Send nothing to an endpoint until it is enabled.")

    @OptionGroup var endpoint: EndpointName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = endpoint.path("/disable")
        _ = try await Session.run(connection) { client in try await client.json(.post, path) }
        try Terminal.line("The endpoint \(endpoint.id) is disabled.")
    }
}

struct WebhooksRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove an endpoint with everything that was to be sent to it.")

    @OptionGroup var endpoint: EndpointName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = endpoint.path()
        _ = try await Session.run(connection) { client in
            // The answer has no body.
            _ = try await client.open(.delete, path)
        }
        try Terminal.line("The endpoint \(endpoint.id) is removed.")
    }
}

struct WebhooksTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a sample to an endpoint now and show what came of it.",
        discussion: "The message says \"test\": true, and is not tried again. Exits 1 if it was not accepted.")

    @OptionGroup var endpoint: EndpointName

    @Option(name: .customLong("event"), help: ArgumentHelp("The event that the sample is of.", valueName: "NAME"))
    var event: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let (path, body) = (endpoint.path("/test"), JSONValue.object(event.map { [.init("event", .string($0))] } ?? []))
        let answer = try await Session.run(connection) { client in try await client.json(.post, path, body: body) }
        if json {
            try Terminal.line(answer.text)
        } else if answer["status"] != .null {
            try Terminal.line(
                "It answered \(Text.plain(answer["status"])) in \(Text.plain(answer["timings_ms"]?["total"])) ms.")
        }
        guard answer["delivered"] == true else {
            throw Failure(.failed, answer["detail"]?.stringValue ?? "the endpoint did not accept the sample")
        }
    }
}
