import ArgumentParser
import Model

struct TriggersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "triggers",
        abstract: "Act when something happens, or does not: rules over what is collected.",
        subcommands: [
            TriggersAdd.self, TriggersList.self, TriggersShow.self, TriggersChange.self, TriggersEnable.self,
            TriggersDisable.self, TriggersRemove.self, TriggersExplain.self, TriggersDryRun.self, TriggersTest.self,
            TriggersResumeTimers.self,
        ])
}

/// Which trigger a command is about.
struct TriggerName: ParsableArguments {
    @Argument(help: "The trigger's id, as 'sluice triggers list' shows it.")
    var id: String

    /// The trigger's path in the API, or that of something of it.
    func path(_ rest: String = "") -> String { "/v1/triggers/\(PercentEncoding.encode(id))\(rest)" }
}

struct TriggersAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Make a trigger, which looks at what is collected from now on.",
        discussion: """
            --when is one of
              {"event": "Purchased", "where": {"property": "amount", "gt": 100}}
              {"event": "Added to cart", "absent": {"event": "Purchased", "within": "30m"}, "correlate": "properties.cart_id"}
                  with "still": {"person": "plan", "is": "free"}: only if that is so of the person when it comes due
              {"sequence": [{"event": "Signed up"}, {"event": "Invited", "within": "7d"}], "absent": {"event": "Paid", "within": "14d"}}
                  2 to 5 events in their order, each within its time after the one before; without "absent" it fires because of the last
              {"count": {"event": "Payment failed", "at_least": 3, "within": "1h"}}
              {"property": "plan", "from": "trial", "to": "pro"}    {"new_person": true}    {"silence": {"for": "10m"}}
              {"segment": "seg_…", "on": "entered"}    {"column": "engagement_score", "below": 40, "recover_at": 50, "for": "1h"}
              {"report": {"type": "metric", "measure": {"event": "Purchased"}, "from": "-1d"}, "value": "total", "drop_percent": 30, "every": "5m"}
            and may have "cooldown": "24h", and "at_most": {"count": 100, "within": "1h"}, which holds a trigger that fires oftener.

            Examples:
              sluice triggers add "Big order" --when '{"event": "Purchased"}' --endpoint ep_dr5yzrhqdbtsw --data ./data
              sluice triggers add Abandoned --when @cart.json --then '{"slack": {"url": "secret://env/SLUICE_SLACK"}}' --data ./data
            """)

    @Argument(help: "What it is called.")
    var name: String

    @Option(name: .long, help: ArgumentHelp("What makes it fire, or the file that says it.", valueName: "JSON|@FILE"))
    var when: String

    @Option(name: .customLong("endpoint"), help: ArgumentHelp("An endpoint to tell; once for each.", valueName: "ID"))
    var endpoints: [String] = []

    @Option(name: .customLong("then"), help: ArgumentHelp("A further action; once for each.", valueName: "JSON|@FILE"))
    var actions: [String] = []

    @Flag(name: .long, help: "Make it disabled.")
    var disabled = false

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let then = endpoints.map { JSONValue.object([.init("endpoint", .string($0))]) }
        let others = try actions.map { try JSONArgument.read($0, "--then") }
        let body: JSONValue = [
            "name": .string(name), "when": try JSONArgument.read(when, "--when"), "then": .array(then + others),
            "enabled": .bool(!disabled),
        ]
        let made = try await Session.run(connection) { client in
            try await client.json(.post, "/v1/triggers", body: body)
        }
        if json { return try Terminal.line(made.text) }
        let id = Text.plain(made["id"])
        try Terminal.line(
            disabled
                ? "The trigger \(id) is made; 'sluice triggers enable \(id)' lets it look at what is collected from then on."
                : "The trigger \(id) looks at what is collected from now on.")
    }
}

struct TriggersChange: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "change",
        abstract: "Change a trigger; another --when is another version of it.",
        discussion: "What is waited for ends as its version says, unless --open says otherwise.")

    @OptionGroup var trigger: TriggerName

    @Option(name: .long, help: "What it is called.")
    var name: String?

    @Option(name: .long, help: ArgumentHelp("What makes it fire.", valueName: "JSON|@FILE"))
    var when: String?

    @Option(name: .customLong("then"), help: ArgumentHelp("All of its actions, a list.", valueName: "JSON|@FILE"))
    var actions: String?

    @Option(name: .long, help: ArgumentHelp("What is waited for: pin, migrate or cancel.", valueName: "WHAT"))
    var open: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var members: [JSONValue.Member] = []
        if let name { members.append(.init("name", .string(name))) }
        if let when { members.append(.init("when", try JSONArgument.read(when, "--when"))) }
        if let actions { members.append(.init("then", try JSONArgument.read(actions, "--then"))) }
        if let open { members.append(.init("open", .string(open))) }
        let (path, body) = (trigger.path(), JSONValue.object(members))
        let made = try await Session.run(connection) { client in try await client.json(.patch, path, body: body) }
        try Terminal.line("The trigger \(trigger.id) is at version \(Text.plain(made["version"])).")
    }
}

struct TriggersEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Let a trigger fire again, by what is collected from now on.")

    @OptionGroup var trigger: TriggerName

    @Option(
        name: .long, help: ArgumentHelp("What becomes of firings that were held: send or drop.", valueName: "WHAT"))
    var held: String?

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let (path, body) = (trigger.path("/enable"), JSONValue.object(held.map { [.init("held", .string($0))] } ?? []))
        _ = try await Session.run(connection) { client in try await client.json(.post, path, body: body) }
        try Terminal.line("The trigger \(trigger.id) is enabled.")
    }
}

struct TriggersDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Let a trigger start nothing more; what comes due is dropped.")

    @OptionGroup var trigger: TriggerName

    @Flag(name: .long, help: "Keep what comes due until it is enabled.")
    var hold = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let (path, body): (String, JSONValue) = (trigger.path("/disable"), ["due": .string(hold ? "hold" : "drop")])
        _ = try await Session.run(connection) { client in try await client.json(.post, path, body: body) }
        try Terminal.line("The trigger \(trigger.id) is \(hold ? "held" : "disabled").")
    }
}

struct TriggersRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a trigger with all that it waits for.")

    @OptionGroup var trigger: TriggerName

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = trigger.path()
        _ = try await Session.run(connection) { client in
            // The answer has no body.
            _ = try await client.open(.delete, path)
        }
        try Terminal.line("The trigger \(trigger.id) is removed.")
    }
}
