import ArgumentParser
import Model

struct Projects: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make and list projects: each has its own events and keys.",
        subcommands: [ProjectsCreate.self, ProjectsList.self])
}

struct ProjectsCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a project and its two keys.",
        discussion: """
            The secret key is shown now and never again.

            Example:
              sluice projects create shop --data ./data
            """)

    @Argument(help: "Its name: 1 to 63 of a-z, 0-9, - and _, beginning with a letter or a digit.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let answer = try await Session.run(connection) { [name] client in
            try await client.json(.post, "/v1/projects", body: ["name": .string(name)])
        }
        if json { return try Terminal.line(answer.text) }
        try Terminal.line(
            """
            Project \(Text.plain(answer["project"])) is ready.

            write key    \(Text.plain(answer["write_key"]))   (collects; may be public)
            secret key   \(Text.plain(answer["secret_key"]))   (reads and administers; shown once, keep it)
            """)
    }
}
