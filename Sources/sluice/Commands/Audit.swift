import ArgumentParser

struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See who did what and who read what, and check that nobody has changed the log since.",
        subcommands: [AuditList.self, AuditVerify.self])
}
