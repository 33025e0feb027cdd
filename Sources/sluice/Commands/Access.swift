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
                if ExportTarget.isStandardOutput(out) {
                    try await Self.copy(response, of: client) { try await PipeWriter.write($0) }
                    try await PipeWriter.write([0x0a])
                } else {
                    let file = try NewFile(out, mode: 0o600)
                    try await Self.copy(response, of: client) { try await file.write($0) }
                    try await file.write([0x0a])
                    try await file.commit()
                }
            }
        }
    }

    /// Hands all of an answer on.
    private static func copy(
        _ response: HTTPClientResponse, of client: APIClient, to write: ([UInt8]) async throws -> Void
    ) async throws {
        var blocks = response.body.makeAsyncIterator()
        while true {
            let block: ByteBuffer?
            do { block = try await blocks.next() } catch let error as CancellationError { throw error } catch {
                throw Failure(
                    .unreachable, "the answer of \(client.name) broke off: \(ClientErrors.describe(error)); ask again")
            }
            guard let block else { return }
            try await write(Array(block.readableBytesView))
        }
    }
}
