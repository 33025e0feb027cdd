import ArgumentParser

struct KeysRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a key at once, for good.")

    @Argument(help: "The key's id, as 'sluice keys list' shows it.")
    var id: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let path = "/v1/keys/\(PercentEncoding.encode(id))"
        _ = try await Session.run(connection) { client in
            // The answer has no body.
            _ = try await client.open(.delete, path)
        }
        try Terminal.line("The key \(id) is revoked.")
    }
}
