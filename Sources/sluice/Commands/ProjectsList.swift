import ArgumentParser
import Model

struct ProjectsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the projects and their write keys.")

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let projects = try await Session.run(connection) { client in
            try await client.pages("/v1/projects", query: [])
        }
        if json { return try Terminal.line(projects.json.text) }
        let rows = projects.rows.map { project in
            [
                Text.named(project, "name", "project"), Text.plain(project["created_at"]),
                (project["write_keys"]?.arrayValue ?? []).map { Text.plain($0) }.joined(separator: " "),
            ]
        }
        try Terminal.line(Text.table([["PROJECT", "CREATED", "WRITE KEYS"]] + rows))
    }
}
