import ArgumentParser
import DuckDB
import Model

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the version of the program and of its engine.")

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() throws {
        let engine = Database.libraryVersion
        if json {
            try Terminal.line(
                JSONValue.object([.init("sluice", .string(ProgramVersion.text)), .init("duckdb", .string(engine))]).text
            )
        } else {
            try Terminal.line("sluice \(ProgramVersion.text), DuckDB \(engine)")
        }
    }
}
