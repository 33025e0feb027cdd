import ArgumentParser
import Glibc
import Model
import WarehouseModels

struct DbtInit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a dbt project that builds models of what pipelines load.",
        discussion: """
            The package of models is part of this program and is copied into the project, so that nothing is fetched. The project \
            names its secrets as variables of the environment (profiles.yml). pipelines.yaml has the pipelines that \
            load what the models need.

            Examples:
              sluice dbt init warehouse --target postgres
              pip install 'dbt-core<1.12' dbt-postgres
              cd warehouse && DBT_PROFILES_DIR=. dbt build
            """)

    @Argument(help: "The folder to make.")
    var folder: String

    @Option(name: .long, help: "The database: duckdb or postgres. Both are in profiles.yml; this one is the usual.")
    var target = "duckdb"

    @Option(name: .long, help: "The schema that pipelines load into.")
    var schema = "sluice"

    @Option(name: .long, help: "The project's name; that of the folder if not said.")
    var name: String?

    @Flag(
        name: .long, help: "Bring the package in a project that is there to this program's, and leave everything else.")
    var upgrade = false

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() throws {
        let isThere = ProjectFolder.exists(folder + "/dbt_project.yml")
        if upgrade {
            guard isThere else { throw Failure(.failed, "\(folder): there is no dbt_project.yml to upgrade") }
        } else {
            guard !isThere else {
                throw Failure(.failed, "\(folder): a project is there already; --upgrade renews the package in it")
            }
        }
        let template = try settings()
        let place = folder + "/" + ProjectTemplate.packageFolder
        for file in WarehousePackage.files { try ProjectFolder.write(file.bytes, to: place + "/" + file.path) }
        if !upgrade {
            for file in template.files { try ProjectFolder.write(Array(file.text.utf8), to: folder + "/" + file.path) }
        }
        // As `dbt deps` does for a package of this machine: nothing is left to be fetched.
        try ProjectFolder.link(folder + "/dbt_packages/sluice", to: "../" + ProjectTemplate.packageFolder)
        if json {
            let files: JSONValue = [
                "folder": .string(folder), "name": .string(template.name),
                "models": JSONValue(WarehousePackage.files.count),
            ]
            return try Terminal.line(files.text)
        }
        try Terminal.line(
            upgrade
                ? "\(folder)/\(ProjectTemplate.packageFolder) is that of this program"
                : """
                \(folder) is a dbt project with Sluice's models

                Next: load what they are built from (pipelines.yaml), then
                  cd \(folder) && DBT_PROFILES_DIR=. dbt build
                """)
    }

    private func settings() throws -> ProjectTemplate {
        guard let target = ProjectTemplate.Target(rawValue: target) else {
            throw Failure(.usage, "--target \(target): there are duckdb and postgres")
        }
        let last = folder.split(separator: "/").last.map(String.init) ?? ""
        let plain = String(last.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        let name = name ?? (Self.isName(plain) ? plain : "warehouse")
        guard Self.isName(name), name != "sluice" else {
            throw Failure(
                .usage, "--name \(name): give letters, digits and _, not beginning with a digit, and not sluice itself")
        }
        guard Self.isName(schema) else { throw Failure(.usage, "--schema \(schema): give letters, digits and _") }
        return ProjectTemplate(name: name, target: target, schema: schema)
    }

    private static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count) && !(text.utf8.first.map { $0 &- 48 < 10 } ?? true)
            && text.utf8.allSatisfy { ($0 | 0x20) &- 97 < 26 || $0 &- 48 < 10 || $0 == 0x5f }
    }
}
