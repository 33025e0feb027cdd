import Age
import ArgumentParser
import Exports
import Model

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check that an export's files are what its manifest says: rows, sizes and SHA-256.",
        discussion: """
            No server is needed; the files must lie beside the manifest. Encrypted files are opened with --identity: \
            all of it must be what was encrypted, and the rows are counted; nothing is written. Without it their \
            sizes and digests are checked.

            Examples:
              sluice verify events.csv.manifest.json
              sluice verify people.csv.gz.age.manifest.json --identity key.txt
            """)

    @Argument(help: "The manifest.")
    var manifest: String

    @Option(
        name: .long,
        help: ArgumentHelp("Open encrypted files with this identity file, as age-keygen writes it.", valueName: "FILE"))
    var identity: String?

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() throws {
        let found = try Self.check(manifest, try identity.map(IdentityFile.read) ?? [])
        try json ? Terminal.line(Self.json(found).text) : Terminal.line(text(found))
    }

    /// Checks what lies beside a manifest; blocks.
    static func check(_ manifest: String, _ identities: [AgeIdentity]) throws -> Verification {
        do throws(ExportError) { return try ManifestVerifier.verify(manifest, identities: identities) } catch {
            throw Failure(.failed, error.message)
        }
    }

    private static func json(_ found: Verification) -> JSONValue {
        let manifest = found.manifest
        var members: [JSONValue.Member] = [
            .init("ok", true), .init("rows", JSONValue(manifest.rows)), .init("bytes", JSONValue(manifest.bytes)),
            .init("sha256", .string(manifest.sha256)), .init("files", JSONValue(manifest.parts.count)),
        ]
        if !manifest.recipients.isEmpty {
            members.append(.init("opened", .bool(found.opened != nil)))
        }
        if let opened = found.opened {
            members.append(.init("plaintext_bytes", JSONValue(opened.bytes)))
            members.append(.init("plaintext_sha256", .string(opened.sha256)))
        }
        return .object(members)
    }

    private func text(_ found: Verification) -> String {
        let files = Text.count(Int64(found.manifest.parts.count), "file")
        let size = Text.bytes(found.manifest.bytes)
        let rows = Text.count(found.manifest.rows, "row")
        let line = "\(manifest): whole, \(rows) in \(files), \(size)"
        if let opened = found.opened {
            return line + "\nopened: \(Text.bytes(opened.bytes)) are encrypted, SHA-256 \(opened.sha256)"
        }
        return found.manifest.recipients.isEmpty ? line : line + "; encrypted, not opened (--identity FILE does)"
    }
}
