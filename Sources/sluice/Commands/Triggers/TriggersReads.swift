import ArgumentParser
import Model

struct TriggersList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the triggers.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let triggers = try await Session.run(connection) { client in
            try await client.pages("/v1/triggers", query: [])
        }
        if json { return try Terminal.line(triggers.json.text) }
        let rows = triggers.rows.map { trigger in
            [
                Text.plain(trigger["id"]), Text.plain(trigger["state"]), Text.plain(trigger["version"]),
                Text.plain(trigger["name"]), trigger["when"]?.text ?? "",
            ]
        }
        try Terminal.line(Text.table([["ID", "STATE", "VERSION", "NAME", "WHEN"]] + rows))
    }
}

struct TriggersShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a trigger and how it fares, as JSON.")

    @OptionGroup var trigger: TriggerName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let (path, health) = (trigger.path(), trigger.path("/health"))
        let found = try await Session.run(connection) { client in
            (try await client.json(.get, path), try await client.json(.get, health))
        }
        guard case .object(let members) = found.0 else { return try Terminal.line(found.0.text) }
        try Terminal.line(JSONValue.object(members + [.init("health", found.1)]).text)
    }
}

struct TriggersExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "What a trigger did because of somebody, or why it did nothing.")

    @OptionGroup var trigger: TriggerName

    @Argument(help: "An identity of the person.")
    var identity: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let (path, identity) = (trigger.path("/explain?identity=\(PercentEncoding.encode(identity))"), identity)
        let found = try await Session.run(connection) { client in try await client.json(.get, path) }
        if json { return try Terminal.line(found.text) }
        for instance in found["instances"]?.arrayValue ?? [] {
            try Terminal.line(
                "\(Text.plain(instance["started_at"]))  armed by \(Text.plain(instance["armed_by"])), until "
                    + "\(Text.plain(instance["fire_at"])): \(Text.plain(instance["state"])) \(Text.plain(instance["ended_by"]))"
            )
        }
        if let watch = found["watch"], watch["state"] != nil {
            let (since, value) = (Text.plain(watch["since"]), Text.plain(watch["value"]))
            try Terminal.line("\(since)  \(Text.plain(watch["state"])) since then, with \(value)")
        }
        for firing in found["firings"]?.arrayValue ?? [] {
            let sent = (firing["deliveries"]?.arrayValue ?? []).map {
                "\(Text.plain($0["endpoint"])) \(Text.plain($0["status"]))"
            }
            try Terminal.line(
                "\(Text.plain(firing["fired_at"]))  \(Text.plain(firing["type"])) by \(Self.cause(firing)): "
                    + sent.joined(separator: ", "))
        }
        if let why = found["why_not"]?.stringValue { try Terminal.line("\(identity): \(why)") }
    }

    /// What made it fire: an event, or what became of a value, and after which event.
    private static func cause(_ firing: JSONValue) -> String {
        if let event = firing["event_id"]?.stringValue, !event.isEmpty { return event }
        let change = firing["change"]
        // Hidden from a key that may not read people.
        if let hidden = change?.stringValue { return hidden }
        let name = ["column", "segment", "value", "property"].compactMap { change?[$0]?.stringValue }.first
        let moved = "\(name.map { "\($0) " } ?? "")\(Text.plain(change?["old"])) → \(Text.plain(change?["new"]))"
        guard let event = firing["preceded_by"]?["event_id"]?.stringValue else { return moved }
        return "\(moved) after \(event)"
    }
}

struct TriggersDryRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dry-run", abstract: "What a trigger would have done with what was collected before, as JSON.")

    @OptionGroup var trigger: TriggerName

    @Option(name: .long, help: ArgumentHelp("From when; a week ago if not said.", valueName: "TIME"))
    var from: String?

    @Option(name: .long, help: ArgumentHelp("Until when; now if not said.", valueName: "TIME"))
    var to: String?

    @Option(name: .long, help: ArgumentHelp("Another rule to try instead.", valueName: "JSON|@FILE"))
    var when: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var members: [JSONValue.Member] = []
        if let from { members.append(.init("from", .string(from))) }
        if let to { members.append(.init("to", .string(to))) }
        if let when { members.append(.init("when", try JSONArgument.read(when, "--when"))) }
        let (path, body) = (trigger.path("/dry-run"), JSONValue.object(members))
        let found = try await Session.run(connection) { client in try await client.json(.post, path, body: body) }
        try Terminal.line(found.text)
    }
}

struct TriggersTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a sample to all that a trigger reaches, and show what came of it.",
        discussion: "The message says \"test\": true, and is not tried again. Exits 1 if somebody did not accept it.")

    @OptionGroup var trigger: TriggerName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = trigger.path("/test")
        let found = try await Session.run(connection) { client in try await client.json(.post, path) }
        let results = found["results"]?.arrayValue ?? []
        try Terminal.line(found.text)
        guard results.allSatisfy({ $0["delivered"] == true }) else {
            throw Failure(.failed, "not everybody accepted the sample")
        }
    }
}
