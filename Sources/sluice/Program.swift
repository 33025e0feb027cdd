import ArgumentParser

/// Parses the command line, runs the command, and turns its outcome into an exit code.
@main
enum Program {
    static func main() async {
        do {
            var command = try Sluice.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            Terminal.error(failure.message)
            Sluice.exit(withError: ExitCode(failure.code.rawValue))
        } catch {
            // Help, version, usage errors (64) and exit codes that a command chose.
            Sluice.exit(withError: error)
        }
    }
}

/// The root of all commands.
struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "Collect what people do in a product, keep it on your own machine, and hand it to any other tool.",
        discussion: """
            The first minutes:
              sluice init --data ./data                       make a data folder and its two keys
              sluice serve --data ./data                      collect events at http://127.0.0.1:8080
              sluice import shop.csv.gz --data ./data --map identity=user_id,event=event,timestamp=timestamp
              sluice export events --data ./data --out events.csv
              sluice people find user_0001 --data ./data

            A command finds its store by --data DIR (the folder on this machine; a running server is used if there is \
            one) or by --server URL with --key KEY (any server). SLUICE_DATA, SLUICE_SERVER and SLUICE_KEY stand for \
            the flags; a flag beats them.

            Exit codes: 0 done; 1 failed; 3 done, but some rows were rejected; 64 wrong usage; 69 no server there; \
            77 refused (wrong or missing key).
            """,
        subcommands: [
            Init.self, Serve.self, Import.self, Export.self, People.self, Segment.self, Columns.self, Report.self,
            PipelineCommand.self, DbtCommand.self, WebhooksCommand.self, Listen.self, TriggersCommand.self,
            Deliveries.self,
            Projects.self,
            Settings.self, Keys.self, Audit.self,
            Verify.self,
            Compact.self,
            Erase.self, Access.self, Backup.self, RestoreBackup.self, Status.self, Doctor.self, Version.self,
        ])
}
