import ArgumentParser
import Model

struct PipelineBackfill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill", abstract: "Load a range of time again, a window after another.",
        discussion: """
            For pipelines of events into tables: rows that are there are replaced, and none comes twice. Ordinary runs go on beside it. \
            The command waits for the end and says how far it is; a backfill goes on without it, and after a restart where it was. The same \
            command again goes on with what was paused or failed.

            Examples:
              sluice pipeline backfill warehouse --from 2026-01-01 --to 2026-02-01 --window 1d
              sluice pipeline backfill warehouse --pause
            """)

    @OptionGroup var pipeline: PipelineName

    @Option(
        name: .long,
        help: ArgumentHelp("The first moment: a date or a time; UTC if no zone is said.", valueName: "TIME"))
    var from: String?

    @Option(name: .long, help: ArgumentHelp("The end; it does not belong to it.", valueName: "TIME"))
    var to: String?

    @Option(name: .long, help: ArgumentHelp("How long a window is.", valueName: "DURATION"))
    var window = "1d"

    @Flag(name: .long, help: "Pause the one that runs, after the window that is at work.")
    var pause = false

    @Flag(name: .long, help: "Go on with the one that was paused or failed.")
    var resume = false

    @Flag(name: .long, help: "End the one that is open.")
    var cancel = false

    @Flag(name: .long, help: "Show the last one.")
    var status = false

    @Flag(name: .long, inversion: .prefixedNo, help: "Wait for the end.")
    var wait = true

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    private static let look = Duration.milliseconds(200)

    func validate() throws {
        let acts = [pause, resume, cancel, status].count { $0 }
        guard acts < 2 else { throw ValidationError("--pause, --resume, --cancel and --status go alone.") }
        guard acts == 1 || (from != nil && to != nil) else {
            throw ValidationError("--from and --to say what is loaded.")
        }
        guard acts == 0 || (from == nil && to == nil) else {
            throw ValidationError("--from and --to go with a backfill that begins.")
        }
    }

    /// What is asked for, as it is sent.
    private enum Act: Sendable {
        case begin(path: String, body: JSONValue)
        case show
        case set(String)
    }

    func run() async throws {
        let (name, shows) = (pipeline.name, !json)
        let waits = wait && !pause && !cancel && !status
        let act: Act =
            if let from, let to {
                .begin(
                    path: pipeline.path("/backfills"),
                    body: ["from": .string(from), "to": .string(to), "window": .string(window)])
            } else if status {
                .show
            } else {
                .set(pause ? "pause" : resume ? "resume" : "cancel")
            }
        let done = try await interruptible { [connection] in
            try await Session.run(connection) { client in
                var found = try await Self.carryOut(act, name, client)
                var told = ""
                while waits, found["status"]?.stringValue == "running" {
                    let line = Self.line(found)
                    if shows, line != told { try Terminal.line(line) }
                    told = line
                    try await Task.sleep(for: Self.look)
                    found = try await client.json(.get, "/v1/backfills/\(Text.plain(found["id"]))")
                }
                return found
            }
        }
        try Terminal.line(json ? done.text : Self.line(done))
        if done["status"]?.stringValue == "failed", !status {
            throw Failure(.failed, "the backfill stopped: \(Text.plain(done["reason"]))")
        }
    }

    private static func carryOut(_ act: Act, _ name: String, _ client: APIClient) async throws -> JSONValue {
        if case .begin(let path, let body) = act { return try await client.json(.post, path, body: body) }
        let list = try await client.json(
            .get, "/v1/backfills?pipeline=\(PercentEncoding.encode(name))&limit=1")
        guard let last = list["data"]?.arrayValue?.first else {
            throw Failure(.failed, "there is no backfill of \(name)")
        }
        guard case .set(let word) = act else { return last }
        return try await client.json(.post, "/v1/backfills/\(Text.plain(last["id"]))/\(word)", body: [:])
    }

    private static func line(_ backfill: JSONValue) -> String {
        let left = backfill["seconds_left"]?.intValue.map { ", about \($0) s left" } ?? ""
        let reason = Text.plain(backfill["reason"])
        return
            "\(Text.plain(backfill["id"]))  \(Text.plain(backfill["status"]))  \(Text.plain(backfill["windows_done"])) of "
            + "\(Text.plain(backfill["windows"])) windows, \(Text.plain(backfill["rows"])) rows\(left)"
            + (reason.isEmpty ? "" : "  (\(Text.visible(reason)))")
    }
}
