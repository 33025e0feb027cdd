import ArgumentParser
import Model

struct Compact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Merge the store's files now: everything new becomes cold, and what lies in many becomes few.",
        discussion: """
            The store does this by itself as it grows, a part at a time; the command does all of it, so that reads of \
            the past are as quick as they can be. Collecting, reading and exporting go on meanwhile.

            Without --wait a running server goes on with it after the command has returned. With --data and no running \
            server the command always waits.

            Example:
              sluice compact --data ./data --wait
            """)

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: "Return when it is done.")
    var wait = false

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let document = try await Session.run(connection) { client in
            let started = try await client.json(.post, "/v1/compactions")
            guard let id = started["id"]?.stringValue else {
                throw Failure(.failed, "\(client.name): the compaction has no id; is that a Sluice server?")
            }
            guard wait || client.isShortLived else { return started }
            return try await interruptible { try await Self.wait(for: id, client) }
        }
        if json { return try Terminal.line(document.text) }
        try Terminal.line("compaction \(Text.plain(document["id"])): \(Text.plain(document["status"]))")
    }

    private static func wait(for id: String, _ client: APIClient) async throws -> JSONValue {
        var line = ProgressLine()
        defer { line.clear() }
        while true {
            let run = try await client.json(.get, "/v1/compactions/\(id)")
            switch Text.plain(run["status"]) {
            case "succeeded": return run
            case "failed": throw Failure(.failed, "the compaction failed: \(Text.named(run, "error", "detail"))")
            case let status: line.show("compacting: \(status)", share: nil)
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
