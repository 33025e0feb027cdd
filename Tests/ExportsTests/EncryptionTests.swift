import Age
import Codecs
import EventStore
import Foundation
import Model
import Testing

@testable import Exports

@Suite("Encrypted files hold what the plain ones do, for their recipients alone")
struct EncryptionTests {
    /// Keys that age-keygen made for these tests and nothing else.
    private static let secrets = [
        "AGE-SECRET-KEY-1672ERWKZ23M8GJWYUCS6PMCKJ9W5DG0LMY3UJ0QHAZ6QY5RA6P4S2Z9QUH",
        "AGE-SECRET-KEY-17QM60ANM2SJQLNKUXHKC36TJC9M8GPLT2DZQ5W78LTY774MWC65S947XNX",
        "AGE-SECRET-KEY-15VTE5TG446J52K3NEXW2LM73TJFE3NN5REH2Y9A88UP9K58C6LMQPQA8L3",
    ]

    private static func identity(_ i: Int) throws -> AgeIdentity { try AgeIdentity(secrets[i]) }

    /// A specification with `encrypt` for the first two.
    static func encrypted(_ members: String) throws -> ExportSpec {
        let recipients = try (0..<2).map { "\"\(try identity($0).recipient)\"" }.joined(separator: ",")
        return try spec("{\(members),\"encrypt\":[\(recipients)]}")
    }

    private static func opened(_ bytes: [UInt8], _ i: Int) throws -> [UInt8] {
        let decryptor = AgeDecryptor([try identity(i)])
        var out: [UInt8] = []
        try decryptor.write(bytes.span, to: &out)
        try decryptor.finish(to: &out)
        return out
    }

    private static func events(_ count: Int) -> [Item] {
        (0..<count).map { i in
            item(
                .event, "secret-person-\(i % 7)", name: "E", #"{"t":"\#(String(repeating: "long text ", count: 30))"}"#,
                at: Int64(i), id: "id\(i)")
        }
    }

    @Test(
        "Every format and packing, whole and in parts", arguments: ["csv", "ndjson", "parquet"],
        ["none", "gzip", "zstd"])
    func everyForm(format: String, compression: String) async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(700))
            for parts in ["", #","part_rows":300"#] {
                let what =
                    #""dataset":"events","order":"seq","format":"\#(format)","compression":"\#(compression)"\#(parts)"#
                let plain = try await live.export(try await live.resolve(try spec("{\(what)}")), to: "plain.x")
                let resolved = try await live.resolve(try Self.encrypted(what))
                let manifest = try await live.export(resolved, to: "sealed.x.age")
                let path = live.folder + "/sealed.x.age.manifest.json"
                #expect(manifest.parts.count == (parts.isEmpty ? 1 : 3))
                #expect(manifest.rows == 700)
                for (part, twin) in zip(manifest.parts, plain.parts) {
                    let bytes = try live.bytes(part.file)
                    let wanted = try live.bytes(twin.file)
                    for i in 0..<2 { #expect(try Self.opened(bytes, i) == wanted) }
                    #expect(part.bytes == Int64(bytes.count))
                    #expect(part.plaintextBytes == Int64(wanted.count) && part.rows == twin.rows)
                }
                // On disk: nothing that can be read, under no name.
                #expect(!live.files.contains { $0.hasSuffix(".partial") })
                let written = manifest.parts.map(\.file) + ["sealed.x.age.manifest.json"]
                #expect(live.files.filter { $0.hasPrefix("sealed") } == written.sorted())
                let names = try (0..<2).map { try Self.identity($0).recipient.text }
                #expect(manifest.recipients == names)
                #expect(
                    manifest.json["encryption"] == ["scheme": "age", "recipients": .array(names.map { .string($0) })])
                #expect(manifest.spec["encrypt"] == .array(names.map { .string($0) }))
                #expect(try Manifest(json: manifest.json) == manifest)
                // From outside, and from inside by each.
                let outside = try ManifestVerifier.verify(path)
                #expect(outside.manifest == manifest && outside.opened == nil)
                let total = zip(manifest.parts, plain.parts).reduce(0) { $0 + $1.1.bytes }
                for i in 0..<2 {
                    let inside = try ManifestVerifier.verify(path, identities: [Self.identity(i)])
                    #expect(inside.opened?.bytes == total)
                    #expect(inside.opened?.sha256 == plain.sha256)
                }
                let stranger = #expect(throws: ExportError.self) {
                    _ = try ManifestVerifier.verify(path, identities: [Self.identity(2)])
                }
                #expect(stranger?.message.contains("none of the identities given opens it") == true)
                // Again by the manifest's own word: other bytes, the same inside.
                let again = try await live.resolve(try ExportSpec(json: manifest.spec))
                #expect(again.recipients == resolved.recipients)
                let repeated = try await live.export(again, to: "again.x.age")
                #expect(repeated.sha256 != manifest.sha256)
                let check = try ManifestVerifier.verify(
                    live.folder + "/again.x.age.manifest.json", identities: [Self.identity(0)])
                #expect(check.opened?.sha256 == plain.sha256)
            }
        }
    }

    /// Rows that are sorted by way of a file, and identities that are read from one.
    @Test(arguments: ["csv", "ndjson"])
    func whatIsPutAside(format: String) async throws {
        var settings = StoreSettings()
        (settings.sortedBytes, settings.identityBytes) = (3_000, 0)
        try await LiveStore.with(settings: settings) { live in
            try await live.write(Self.events(300))
            let what = #""dataset":"events","order":"timestamp","format":"\#(format)""#
            let plain = try await live.export(try await live.resolve(try spec("{\(what)}")), to: "plain.x")
            let sealed = try await live.export(try await live.resolve(try Self.encrypted(what)), to: "sealed.x.age")
            let wanted = try live.bytes(plain.parts[0].file)
            #expect(try Self.opened(live.bytes(sealed.parts[0].file), 0) == wanted)
        }
    }

    @Test func anEmptyResultIsAFile() async throws {
        try await LiveStore.with { live in
            let resolved = try await live.resolve(try Self.encrypted(#""dataset":"events","format":"ndjson""#))
            let manifest = try await live.export(resolved, to: "none.ndjson.age")
            #expect(manifest.parts[0].plaintextBytes == 0)
            #expect(try Self.opened(live.bytes("none.ndjson.age"), 0) == [])
            let check = try ManifestVerifier.verify(
                live.folder + "/none.ndjson.age.manifest.json", identities: [Self.identity(0)])
            #expect(check.opened?.bytes == 0)
        }
    }

    @Test func specifications() throws {
        let good = try Self.identity(0).recipient.text
        for (json, reason) in [
            (#""\#(good)""#, "is a list of age recipients"), ("[]", "at least one"), ("{}", "is a list"),
            ("[1]", "encrypt[0]: a text"), (#"["\#(good)","age1x"]"#, "encrypt[1]: age1x: "),
            (#"["\#(good.dropLast())8"]"#, "the checksum does not match"),
            (#"["\#(Self.secrets[0])"]"#, "that is a secret identity"),
            ("[" + Array(repeating: "\"\(good)\"", count: 101).joined(separator: ",") + "]", "at most 100 recipients"),
        ] {
            let error = #expect(throws: ExportError.self) {
                _ = try spec(#"{"dataset":"events","encrypt":\#(json)}"#)
            }
            #expect(error?.code == .invalidSpec)
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("672ERWKZ23M8") == false)
        }
        #expect(try spec(#"{"dataset":"events","encrypt":null}"#).recipients.isEmpty)
    }

    @Test func namesOfParts() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(3))
            for (format, name, first) in [
                ("csv", "a.csv.age", "a.part-00001.csv.age"), ("csv", "a.csv", "a.part-00001.csv"),
                ("csv", "a.age", "a.part-00001.age"), ("parquet", "a.b.parquet.age", "a.b.part-00001.parquet.age"),
                ("ndjson", "a", "a.part-00001"),
            ] {
                let resolved = try await live.resolve(
                    try Self.encrypted(#""dataset":"events","format":"\#(format)","part_rows":2"#))
                let manifest = try await live.export(resolved, to: name)
                #expect(manifest.parts.first?.file == first)
                // The same elsewhere.
                #expect(manifest.partNames(for: name) == manifest.parts.map(\.file))
            }
        }
    }

    @Test func whatIsWrongInsideIsFound() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(400))
            let resolved = try await live.resolve(try Self.encrypted(#""dataset":"events""#))
            let manifest = try await live.export(resolved, to: "a.csv.age")
            let path = live.folder + "/a.csv.age.manifest.json"
            func reason(_ bytes: [UInt8], _ change: (inout Manifest.Part) -> Void) throws -> String {
                try Data(bytes).write(to: URL(fileURLWithPath: live.folder + "/a.csv.age"))
                var changed = manifest
                var digest = Digest()
                unsafe bytes.withUnsafeBytes { unsafe digest.update($0) }
                changed.parts[0].bytes = Int64(bytes.count)
                changed.parts[0].sha256 = digest.hex
                change(&changed.parts[0])
                changed.bytes = changed.parts[0].bytes
                changed.sha256 = changed.parts[0].sha256
                changed.rows = changed.parts[0].rows
                try Data(changed.json.text.utf8).write(to: URL(fileURLWithPath: path))
                // Whoever made the manifest fit the file is not found out from outside.
                _ = try ManifestVerifier.verify(path)
                let error = #expect(throws: ExportError.self) {
                    _ = try ManifestVerifier.verify(path, identities: [Self.identity(1)])
                }
                #expect(error?.code == .mismatch)
                return error?.message ?? ""
            }
            let whole = try live.bytes("a.csv.age")
            var flipped = whole
            flipped[whole.count / 2] ^= 1
            #expect(try reason(flipped) { _ in }.contains("was changed"))
            let border = whole.count - Int(manifest.parts[0].plaintextBytes ?? 0) % 65_536 - 16
            #expect(try reason(Array(whole[..<border])) { _ in }.contains("which is not its last"))
            #expect(try reason(whole) { $0.rows += 1 }.contains("401 rows"))
            #expect(try reason(whole) { $0.plaintextBytes = 7 }.contains("says 7 plaintext_bytes"))
        }
    }

    @Test func identitiesForPlainFilesAreAnError() async throws {
        try await LiveStore.with { live in
            try await live.export(try await live.resolve(try spec(#"{"dataset":"events"}"#)), to: "a.csv")
            let error = #expect(throws: ExportError.self) {
                _ = try ManifestVerifier.verify(live.folder + "/a.csv.manifest.json", identities: [Self.identity(0)])
            }
            #expect(error?.message.contains("not encrypted") == true)
        }
    }

    /// The disk is full: whoever writes into the pipe is told to stop, is not left waiting, and the reason is the disk's.
    @Test func aPipeWhoseSinkFails() throws {
        let sink = try ByteSink(
            path: "/dev/full", .none, for: [Self.identity(0).recipient], isDurable: true, total: nil)
        let told = DispatchSemaphore(value: 0)
        let pipe = try EncryptedPipe(into: sink) { told.signal() }
        let handle = try #require(FileHandle(forWritingAtPath: pipe.path))
        let piece = Data(repeating: 65, count: 1 << 20)
        for _ in 0..<20 { try handle.write(contentsOf: piece) }
        told.wait()
        for _ in 0..<20 { try handle.write(contentsOf: piece) }
        try handle.close()
        #expect(pipe.abandon()?.message.contains("No space left on device") == true)
        let error = #expect(throws: ExportError.self) { _ = try pipe.finish() }
        #expect(error?.code == .files)
    }

    @Test func anExportThatFailsLeavesNothing() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.events(50))
            let before = live.files
            let resolved = try await live.resolve(
                try Self.encrypted(#""dataset":"events","format":"parquet""#))
            let error = await #expect(throws: ExportError.self) {
                try await live.export(resolved, to: "missing/a.parquet.age")
            }
            #expect(error?.code == .files)
            #expect(live.files == before)
        }
    }
}
