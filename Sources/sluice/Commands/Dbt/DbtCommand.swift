import ArgumentParser

struct DbtCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dbt",
        abstract:
            "Models of a warehouse: facts, people, sessions, funnels and cohorts of what pipelines load, built by dbt.",
        subcommands: [DbtInit.self])
}
