import ArgumentParser
import Model

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Back the data folder up: all projects, keys and finished exports, while everything goes on.",
        discussion: """
            FOLDER holds snapshots, each complete by itself: FOLDER/snapshots/TIME-SEQ/. Files that never change take no \
            room in a second snapshot: they are linked. On the data folder's own disk they are linked from there, so \
            that a disk that is lost takes both with it; put FOLDER on another one for that.

            A backup has everything that was acknowledged before it began. Snapshots that are older than an erasure \
            still hold the erased people, and are removed when a newer one is complete.

            A running server makes the backup; without one the folder is opened for the while. Ctrl-C ends it, and \
            leaves the snapshots before as they are. 'sluice restore' checks and restores.

            Examples:
              sluice backup /backups/sluice --data ./data
              sluice backup /backups/sluice --data ./data --keep 14 --verify
            """)

    @Argument(
        help: ArgumentHelp("The folder of backups; it is made if only its last part is missing.", valueName: "folder"))
    var folder: String

    @OptionGroup var connection: ConnectionOptions

    @Option(
        name: .long,
        help: ArgumentHelp("Keep the newest N snapshots, this one included; all if not said.", valueName: "N"))
    var keep: Int?

    @Flag(name: .long, help: "Read also the files that have not changed, and compare them with the snapshot before.")
    var verify = false

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func validate() throws {
        guard !folder.isEmpty else { throw ValidationError("The folder of backups has no name; is a variable unset?") }
    }

    func run() async throws {
        if case .server(let url, _) = try connection.resolve() {
            throw Failure(.usage, "a backup is made on the machine of the server \(url), with --data DIR")
        }
        if let keep, keep < 1 { throw Failure(.usage, "--keep \(keep): give at least 1") }
        var request: [JSONValue.Member] = [
            .init("path", .string(DataFolder.absolutePath(folder))), .init("verify", .bool(verify)),
        ]
        if let keep { request.append(.init("keep", JSONValue(keep))) }
        let body = JSONValue.object(request)
        let result = try await Session.run(connection) { client in try await Self.make(body, client) }
        if json { return try Terminal.line(result.text) }
        try Terminal.line(Self.text(result))
    }

    private static func make(_ request: JSONValue, _ client: APIClient) async throws -> JSONValue {
        let started = try await client.json(.post, "/v1/backups", body: request)
        guard let id = started["id"]?.stringValue else {
            throw Failure(.failed, "\(client.name): the backup has no id; is that a Sluice server?")
        }
        do { return try await interruptible { try await wait(for: id, client) } } catch is Interrupted {
            // Best effort: the server may have ended it, or be gone itself.
            _ = try? await client.json(.delete, "/v1/backups/\(id)")
            throw Failure(.failed, "interrupted; no snapshot was made, and those before are as they were")
        }
    }

    private static func wait(for id: String, _ client: APIClient) async throws -> JSONValue {
        var line = ProgressLine()
        defer { line.clear() }
        while true {
            let run = try await client.json(.get, "/v1/backups/\(id)")
            switch Text.plain(run["status"]) {
            case "succeeded":
                guard let result = run["result"] else {
                    throw Failure(.failed, "\(client.name): the backup has no result; is that a Sluice server?")
                }
                return result
            case "failed": throw Failure(.failed, "the backup failed: \(Text.named(run["error"] ?? .null, "detail"))")
            case "cancelled": throw Failure(.failed, "the backup was stopped on the server; no snapshot was made")
            case let status:
                let bytes = run["progress"]?["bytes"]?.intValue ?? 0
                line.show("backup \(status), \(Text.bytes(bytes)) read")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private static func text(_ result: JSONValue) -> String {
        func bytes(_ name: String) -> String { Text.bytes(result[name]?.intValue ?? 0) }
        let files = Text.count(result["files"]?.intValue ?? 0, "file")
        var lines = [
            "snapshot \(Text.plain(result["snapshot"])): \(files), \(bytes("bytes")), of which "
                + "\(bytes("copied_bytes")) are new; up to seq \(Text.count(result["seq"]?.intValue ?? 0))"
        ]
        for removed in result["removed"]?.arrayValue ?? [] {
            let why =
                Text.plain(removed["reason"]) == "erasure"
                ? "it held people who have been erased since" : "more than are kept"
            lines.append("removed \(Text.plain(removed["snapshot"])): \(why)")
        }
        for name in result["damaged"]?.arrayValue ?? [] {
            lines.append(
                "damaged: the manifest of \(Text.plain(name)) cannot be read; it may hold people who have been erased "
                    + "since, remove it if it is of no use")
        }
        return lines.joined(separator: "\n")
    }
}
