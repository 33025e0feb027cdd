import ArgumentParser
import Model

/// What an endpoint is to receive, and how; each flag is a member of the API's document.
struct EndpointFlags: ParsableArguments {
    @Option(name: .long, help: "What people and pipeline files call it; no other endpoint has the same.")
    var name: String?

    @Option(
        name: .customLong("event"),
        help: ArgumentHelp("An event to send, or a type of message; give the flag once for each.", valueName: "NAME"))
    var events: [String] = []

    @Flag(name: .long, help: "Send every event.")
    var all = false

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp(
            "What is asked of each event: a condition, or the file that holds it.", valueName: "JSON|@FILE"))
    var condition: String?

    @Option(name: .long, help: "What it is for.")
    var description: String?

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp("A header to send along; once for each.", valueName: "NAME:VALUE"))
    var headers: [String] = []

    @Flag(inversion: .prefixedNo, help: "Send ids and the type alone, nothing personal.")
    var thin: Bool?

    @Flag(
        name: .customLong("ordered"), inversion: .prefixedNo,
        help: "Send each person's messages one after another.")
    var isOrdered: Bool?

    @Option(
        name: .customLong("include"),
        help: ArgumentHelp(
            "Tell of the person, too: properties, identities, segments, computed; once for each.", valueName: "WHAT"))
    var include: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What a message says instead of all: JSON in which {{data.event}} stands for that part of it.",
            valueName: "JSON|@FILE"))
    var body: String?

    @Option(name: .long, help: ArgumentHelp("The most events of a stream's batch; 100 if not said.", valueName: "N"))
    var batch: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "At most so many messages a second, or N/m, N/h; or {\"count\", \"per\", \"burst\"}.", valueName: "N"))
    var rateLimit: String?

    @Option(name: .long, help: ArgumentHelp("Attempts at once; 8 if not said.", valueName: "N"))
    var concurrency: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How long after each failure the next attempt comes, such as 5s,5m,2h; or {\"attempts\", \"base\", \"factor\", "
                + "\"cap\"}. Ten attempts in 75 hours if not said.", valueName: "WAITS"))
    var retry: String?

    @Option(name: .long, help: ArgumentHelp("How long an attempt may take; 15 if not said.", valueName: "SECONDS"))
    var timeout: Int?

    @Flag(inversion: .prefixedNo, help: "Take 400, 401, 403, 404 and 422 for the end of a message.")
    var finalClientErrors: Bool?

    @Option(
        name: .customLong("notify"),
        help: ArgumentHelp(
            "Who is told when it fails: another endpoint's id, or an action such as {\"slack\": {…}}; once for each.",
            valueName: "ID|JSON|@FILE"))
    var notify: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The file with a client's certificate and its key, for receivers that ask for one; or secret://file/PATH.",
            valueName: "FILE"))
    var clientCertificate: String?

    func validate() throws {
        guard !all || events.isEmpty else { throw ValidationError("--all and --event: one of both.") }
    }

    /// What was said, and nothing else.
    func members() throws -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        if let name { members.append(.init("name", .string(name))) }
        if all || !events.isEmpty {
            members.append(.init("events", .array((all ? ["*"] : events).map { .string($0) })))
        }
        if let condition { members.append(.init("where", try JSONArgument.read(condition, "--where"))) }
        if let description { members.append(.init("description", .string(description))) }
        if !headers.isEmpty { members.append(.init("headers", .object(try headers.map(Self.header)))) }
        if let thin { members.append(.init("payload", thin ? "thin" : "full")) }
        if let isOrdered { members.append(.init("order", isOrdered ? "person" : "none")) }
        if !include.isEmpty { members.append(.init("include", .array(include.map { .string($0) }))) }
        if let body {
            let text = body.hasPrefix("@") ? try SmallFile.read(String(body.dropFirst())) : body
            members.append(.init("body", .string(text)))
        }
        if let batch { members.append(.init("batch", JSONValue(batch))) }
        if let rateLimit { members.append(.init("rate_limit", try Self.rate(rateLimit))) }
        if let concurrency { members.append(.init("concurrency", JSONValue(concurrency))) }
        if let retry { members.append(.init("retry", try Self.retry(retry))) }
        if let timeout { members.append(.init("timeout", JSONValue(timeout))) }
        if let finalClientErrors { members.append(.init("final_client_errors", .bool(finalClientErrors))) }
        if !notify.isEmpty { members.append(.init("notify", .array(try notify.map(Self.told)))) }
        if let clientCertificate {
            let isReference = clientCertificate.hasPrefix("secret://")
            let text = isReference ? clientCertificate : try SmallFile.read(clientCertificate)
            members.append(.init("client_certificate", .string(text)))
        }
        return members
    }

    private static func header(_ text: String) throws -> JSONValue.Member {
        guard let colon = text.firstIndex(of: ":") else { throw Failure(.usage, "--header \(text): give NAME:VALUE") }
        let value = text[text.index(after: colon)...].drop { $0 == " " }
        return .init(String(text[..<colon]), .string(String(value)))
    }

    /// `5`, `100/m`, or the API's document.
    private static func rate(_ text: String) throws -> JSONValue {
        if isDocument(text) { return try JSONArgument.read(text, "--rate-limit") }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let count = Int(parts[0]) else {
            throw Failure(.usage, "--rate-limit \(text): give a number of messages a second, or 100/m, 1000/h")
        }
        if parts.count == 1 { return JSONValue(count) }
        return ["count": JSONValue(count), "per": .string(String(parts[1]))]
    }

    /// `5s,5m,2h`, or the API's document.
    private static func retry(_ text: String) throws -> JSONValue {
        if isDocument(text) { return try JSONArgument.read(text, "--retry") }
        return .array(text.split(separator: ",").map { .string(String($0.drop { $0 == " " })) })
    }

    private static func told(_ text: String) throws -> JSONValue {
        isDocument(text) ? try JSONArgument.read(text, "--notify") : ["endpoint": .string(text)]
    }

    private static func isDocument(_ text: String) -> Bool {
        text.hasPrefix("{") || text.hasPrefix("[") || text.hasPrefix("@")
    }
}
