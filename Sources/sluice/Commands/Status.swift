import ArgumentParser
import Model

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what the store holds, how far it lags behind collection, and its size on disk.",
        discussion: """
            Example:
              sluice status --data ./data
            """)

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let status = try await Session.run(connection) { client in try await client.json(.get, "/v1/status") }
        try Terminal.line(json ? status.text : Text.table(Self.rows(status, prefix: "")))
    }

    /// Every value of the tree as a row, under the path of its names.
    static func rows(_ value: JSONValue, prefix: String) -> [[String]] {
        switch value {
        case .object(let members):
            members.flatMap { rows($0.value, prefix: prefix.isEmpty ? $0.key : prefix + "." + $0.key) }
        case .array(let elements):
            elements.enumerated().flatMap { rows($0.element, prefix: prefix + "[\($0.offset)]") }
        case .number(let text):
            if prefix.hasSuffix("bytes"), let bytes = Int64(text) {
                [[prefix, Text.bytes(bytes)]]
            } else {
                [[prefix, Int64(text).map { Text.count($0) } ?? text]]
            }
        case .null: [[prefix, "-"]]
        default: [[prefix, Text.plain(value)]]
        }
    }
}
