import ArgumentParser
import Model

struct PipelineKeptFile: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "file",
        abstract: "Fetch the file that a run loaded, as long as it is kept.",
        discussion: """
            Files are deleted when what was loaded is verified, unless the pipeline says otherwise:
              retain: { files: 7d, encrypt: age1… }

            Example:
              sluice pipeline file run_… --out rows.ndjson --data ./data
            """)

    @Argument(help: "The run's id (run_…).")
    var id: String

    @OptionGroup var connection: ConnectionOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The file to write, which its owner alone can read; - or nothing for standard output.", valueName: "FILE"))
    var out = "-"

    func run() async throws {
        let (id, out) = (id, out)
        try await Session.run(connection) { client in
            try await interruptible {
                let response = try await client.open(.get, "/v1/runs/\(PercentEncoding.encode(id))/file")
                try await AnswerBody.save(response, of: client, to: out)
            }
        }
    }
}
