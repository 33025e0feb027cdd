import ArgumentParser
import Control
import Model

struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a data folder, its default project and that project's two keys.",
        discussion: """
            The write key goes into programs that send events; it can do nothing else. The secret key reads and \
            administers; it is shown now and never again. A second init of a folder changes nothing and fails.

            Example:
              sluice init --data ./data
            """)

    @Option(name: .long, help: ArgumentHelp("The folder to make (or SLUICE_DATA).", valueName: "DIR"))
    var data: String?

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() throws {
        guard let folder = data ?? Environment["SLUICE_DATA"] else {
            throw Failure(.usage, "which folder? Give --data DIR")
        }
        let made: NewProject
        do throws(ControlError) { made = try ControlStore.initialize(directory: folder) } catch {
            throw Failure(.failed, error.message)
        }
        if json {
            try Terminal.line(made.json.text)
        } else {
            try Terminal.line(
                """
                \(folder) is ready. Project: \(made.project)

                write key    \(made.writeKey)   (collects; may be public)
                secret key   \(made.secretKey)   (reads and administers; shown once, keep it)

                Next: sluice serve --data \(folder)
                """)
        }
    }
}
