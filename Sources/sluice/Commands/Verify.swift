import ArgumentParser
import Exports
import Model

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check that an export's files are what its manifest says: rows, sizes and SHA-256.",
        discussion: """
            No server is needed; the files must lie beside the manifest.

            Example:
              sluice verify events.csv.manifest.json
            """)

    @Argument(help: "The manifest.")
    var manifest: String

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() throws {
        let found: Manifest
        do throws(ExportError) { found = try ManifestVerifier.verify(manifest) } catch {
            throw Failure(.failed, error.message)
        }
        if json {
            try Terminal.line(
                JSONValue.object([
                    .init("ok", true), .init("rows", JSONValue(found.rows)), .init("bytes", JSONValue(found.bytes)),
                    .init("sha256", .string(found.sha256)), .init("files", JSONValue(found.parts.count)),
                ]).text)
        } else {
            try Terminal.line(
                "\(manifest): whole, \(Text.count(found.rows, "row")) in \(Text.count(Int64(found.parts.count), "file")), "
                    + Text.bytes(found.bytes))
        }
    }
}
