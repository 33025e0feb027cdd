import ArgumentParser
import Model

struct People: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look people up: who they are, and what they did.",
        subcommands: [PeopleFind.self, PeopleHistory.self])
}

struct PeopleFind: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Show the person that an identity belongs to.",
        discussion: """
            An identity is any string that names somebody: an e-mail, a user id, an anonymous cookie id. All identities \
            that aliases have tied together are one person.

            Example:
              sluice people find ann@example.com --data ./data
            """)

    @Argument(help: "The identity, exactly as it was sent.")
    var identity: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let person = try await Session.run(connection) { [identity] client in try await client.person(identity) }
        try Terminal.line(json ? person.text : Self.describe(person))
    }

    static func describe(_ person: JSONValue) -> String {
        var rows = [
            ["person", Text.plain(person["id"])],
            [
                "identities",
                (person["identities"]?.arrayValue ?? []).map { Text.plain($0) }.joined(separator: ", "),
            ],
            ["first seen", Text.plain(person["first_seen"])],
            ["last seen", Text.plain(person["last_seen"])],
            ["events", Text.plain(person["events_total"])],
        ]
        if case .object(let members) = person["properties"] {
            rows += members.map { ["  " + $0.key, Text.plain($0.value)] }
        }
        return Text.table(rows)
    }
}

extension APIClient {
    /// The person behind an identity.
    func person(_ identity: String) async throws -> JSONValue {
        try await json(.get, "/v1/people" + PercentEncoding.query([("identity", identity)]))
    }
}
