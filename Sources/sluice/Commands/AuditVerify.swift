import ArgumentParser
import Model

struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that no entry of the log was changed or taken out.",
        discussion: """
            Each entry carries a hash over itself and the hash before. So a change, and an entry that is missing from the \
            middle, break the chain: the first entry that is wrong is named, and the exit code is 1. What an erasure took out \
            is counted, and an entry of its own says so.

            What a chain alone cannot show: that its end was cut off, or that all of it was written anew by somebody who \
            can write the file. Keep the last hash in another place, and give it with --last: it must be in the log.
            """)

    @Option(
        name: .customLong("last"),
        help: ArgumentHelp("A hash that this command has shown before, which must be in the log.", valueName: "hash"))
    var last: String?

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let query = last.map { "?hash=" + PercentEncoding.encode($0) } ?? ""
        let verdict = try await Session.run(connection) { client in
            try await client.json(.get, "/v1/audit/verify" + query)
        }
        let isIntact = verdict["intact"]?.boolValue == true
        if json { try Terminal.line(verdict.text) }
        guard isIntact else {
            if json { throw ExitCode(1) }
            let place = Text.plain(verdict["broken_at"])
            throw Failure(
                .failed,
                "the log is broken" + (place.isEmpty ? "" : " at entry \(place)") + ": \(Text.plain(verdict["reason"]))"
            )
        }
        if json { return }
        let (entries, redacted) = (verdict["entries"]?.intValue ?? 0, verdict["redacted"]?.intValue ?? 0)
        try Terminal.line(
            "The log is intact: \(Text.count(entries)) \(entries == 1 ? "entry" : "entries"), "
                + "\(Text.count(redacted)) redacted by erasures.")
        if entries > 0 { try Terminal.line("Last hash: \(Text.plain(verdict["last_hash"]))") }
    }
}
