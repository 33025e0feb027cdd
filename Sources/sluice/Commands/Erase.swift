import ArgumentParser
import Model

struct Erase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Erase persons: everything they did and had, from every file of the server.",
        discussion: """
            Names one identity at least of each person; all identities that are tied to it go with it. What goes: events, \
            properties and their history, aliases, refused inputs that name them, the journal, the index of duplicates, and \
            files of exports that are kept. There is no way back. What is left is a receipt for each copy, which names \
            nobody.

            Exports whose files had them are run again without them. With --suppress, items of these identities are \
            refused from now on.

            Example:
              sluice erase ana@example.com --data ./data
            """)

    @Argument(help: ArgumentHelp("Identities: e-mail addresses, user ids, anonymous ids.", valueName: "identity"))
    var identities: [String]

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: "Also refuse future items of these identities.")
    var suppress = false

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let document = try await Session.run(connection) { client in
            var members: [JSONValue.Member] = [.init("identities", .array(identities.map { .string($0) }))]
            if suppress { members.append(.init("suppress", true)) }
            let started = try await client.json(.post, "/v1/privacy/erasures", body: .object(members))
            guard let id = started["id"]?.stringValue else {
                throw Failure(.failed, "\(client.name): the erasure has no id; is that a Sluice server?")
            }
            return try await interruptible { try await Self.wait(for: id, client) }
        }
        let copies = document["copies"]?.arrayValue ?? []
        if json { try Terminal.line(document.text) } else { try show(document, copies) }
        let unverified = copies.count { $0["verified"]?.boolValue != true }
        guard unverified == 0 else {
            throw Failure(
                .failed,
                "\(unverified) of the copies could not be verified: look at them, and erase what they still hold")
        }
    }

    private func show(_ document: JSONValue, _ copies: [JSONValue]) throws {
        for copy in copies {
            let verified = copy["verified"]?.boolValue == true ? "verified" : "NOT VERIFIED"
            try Terminal.line(
                "\(Text.plain(copy["kind"])) \(Text.plain(copy["name"])): \(Text.plain(copy["rows"])) rows, "
                    + "\(Text.plain(copy["how"])); \(verified)")
        }
        try Terminal.line("erasure \(Text.plain(document["id"])): \(Text.plain(document["status"]))")
    }

    private static func wait(for id: String, _ client: APIClient) async throws -> JSONValue {
        var line = ProgressLine()
        defer { line.clear() }
        while true {
            let run = try await client.json(.get, "/v1/privacy/erasures/\(id)")
            switch Text.plain(run["status"]) {
            case "succeeded": return run
            case "failed": throw Failure(.failed, "the erasure \(id) failed: \(Text.plain(run["error"]))")
            case let status: line.show("erasing: \(status)", share: nil)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
