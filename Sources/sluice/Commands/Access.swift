import ArgumentParser
import AsyncHTTPClient
import Model
import NIOCore

struct Access: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "All that is stored of a person, as one JSON document.",
        discussion: """
            Names one identity at least; everything of all persons that the identities belong to comes, from one state of the \
            store: current properties, events, the history of properties, aliases, refused inputs that hold an identity as \
            a value, and the exports that could hold something of them.

            A refused input may name others beside them: look through the document before you hand it out.

            Example:
              sluice access ana@example.com --out ana.json --data ./data
            """)

    @Argument(help: ArgumentHelp("Identities: e-mail addresses, user ids, anonymous ids.", valueName: "identity"))
    var identities: [String]

    @OptionGroup var connection: ConnectionOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The file to write, which its owner alone can read; - or nothing for standard output.", valueName: "FILE"))
    var out = "-"

    func run() async throws {
        let (identities, out) = (identities, out)
        try await Session.run(connection) { client in
            try await interruptible {
                let asked: JSONValue = ["identities": .array(identities.map { .string($0) })]
                let response = try await client.open(
                    .post, "/v1/privacy/access", headers: [("Content-Type", "application/json")],
                    body: .bytes(ByteBuffer(string: asked.text)))
                try await AnswerBody.save(response, of: client, to: out, ending: [0x0a])
            }
        }
    }
}
