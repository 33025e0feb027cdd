import ArgumentParser
import Model

struct WebhooksChange: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change",
        abstract: "Change what an endpoint receives, and how; what is not said stays.",
        discussion: """
            A list takes the place of the one before: --event, --header, --include, --notify. What is to be no more, or again as \
            if nobody had ever said, is named by --clear.

            Examples:
              sluice webhooks change ep_x --all --no-thin --timeout 5 --data ./data
              sluice webhooks change ep_x --clear rate-limit --clear where --data ./data
            """)

    @OptionGroup var name: EndpointName

    @Option(name: .long, help: "Where messages are posted to. Headers stay behind where that is another host.")
    var url: String?

    @OptionGroup var endpoint: EndpointFlags

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Take back what was said by the flag of that name: \(Clearable.names); once for each.", valueName: "FLAG"))
    var clear: [Clearable] = []

    @Flag(inversion: .prefixedNo, help: "Send nothing for a while; what comes waits.")
    var paused: Bool?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        var members = try endpoint.members()
        if let url { members.append(.init("url", .string(url))) }
        if let paused { members.append(.init("paused", .bool(paused))) }
        for setting in clear {
            guard !members.contains(where: { $0.key == setting.member }) else {
                throw Failure(
                    .usage,
                    "--clear \(setting.rawValue) goes with no other word on it: it is cleared or given, and once")
            }
            members.append(.init(setting.member, .null))
        }
        guard !members.isEmpty else { throw Failure(.usage, "nothing is said that is to be changed") }
        let (path, body) = (name.path(), JSONValue.object(members))
        let changed = try await Session.run(connection) { client in try await client.json(.patch, path, body: body) }
        if json { return try Terminal.line(changed.text) }
        try Terminal.line("The endpoint \(name.id) is changed; it is \(Text.plain(changed["state"])).")
    }
}

/// What of an endpoint can be taken back, by the flag that says it.
enum Clearable: String, CaseIterable, ExpressibleByArgument {
    case batch, body, concurrency, description, event, header, include, name, notify, ordered, retry, thin, timeout
    case clientCertificate = "client-certificate"
    case finalClientErrors = "final-client-errors"
    case rateLimit = "rate-limit"
    case condition = "where"

    static var names: String { allCases.map(\.rawValue).sorted().joined(separator: ", ") }

    /// The member of the API's document, which null clears.
    var member: String {
        switch self {
        case .event: "events"
        case .header: "headers"
        case .ordered: "order"
        case .thin: "payload"
        case .clientCertificate, .finalClientErrors, .rateLimit:
            rawValue.split(separator: "-").joined(separator: "_")
        default: rawValue
        }
    }
}
