import Connectors
import Destinations
import Foundation
import Model
import Testing

@testable import Pipelines

@Suite("Nothing at a destination is called after who is forgotten, and no file is another one than its manifest says")
struct ErasedNameTests {
    private static let who = "ann@x.org"

    /// What was stored before the store forgot, and after.
    private static func load(_ works: Works) async throws -> AgedRows {
        try await ErasedWindows.load([who, "bob"].map { .init(who: $0, name: "Joined", second: 10) }, works)
        try await ErasedWindows.load([who, "bob"].map { .init(who: $0, name: "Seen", second: 1_000) }, works)
        return try await ErasedWindows.age(before: 500, works)
    }

    private static func manifests(_ works: Works) throws -> [JSONValue] {
        try ErasedWindows.names(works, ".json").map {
            try JSONValue(text: try String(contentsOfFile: $0, encoding: .utf8))
        }
    }

    @Test("A transformed file that stays has a manifest that names nobody")
    func left() async throws {
        try await Works.with { works in
            try await works.apply(
                ErasedWindows.pipeline(
                    #"columns: [identity, event], where: { not: { event: "ann@x.org" } }"#,
                    more: "privacy: { identity: drop }"))
            let aged = try await Self.load(works)
            let before = try ErasedWindows.files(works)
            let erasure = try await ErasedWindows.remove(Self.who, works)
            let done = try await ErasedWindows.rewrite(erasure, aged, works, names: [Self.who])
            #expect(try ErasedWindows.files(works) == before)
            #expect(!done.isVerified && done.isOver, "\(done)")
            #expect(done.how.contains("2 files of transformed rows"))
            #expect(done.how.contains("the manifests of 2 of these named them"))
            for manifest in try Self.manifests(works) {
                #expect(!manifest.text.contains(Self.who))
                #expect(manifest["spec"]?["where"] == ["not": ["event": "[erased]"]])
                #expect(manifest["pipeline"] == "p")
            }
        }
    }

    @Test("A file whose specification named them is made from what there is, where no column tells their rows")
    func remade() async throws {
        try await Works.with { works in
            try await works.apply(
                ErasedWindows.pipeline(
                    #"columns: [event, timestamp], where: { any: [{ did: Joined }, { event: "ann@x.org" }] }"#))
            let aged = try await Self.load(works)
            #expect(try ErasedWindows.files(works).allSatisfy { $0.split(separator: "\r\n").count == 3 })
            let erasure = try await ErasedWindows.remove(Self.who, works)
            let done = try await ErasedWindows.rewrite(erasure, aged, works, names: [Self.who])
            #expect(try ErasedWindows.files(works) == ["event,timestamp\r\n", "event,timestamp\r\n"])
            #expect(done.isVerified && done.isOver && done.how.contains("2 of a specification that named them"))
            #expect(try Self.manifests(works).allSatisfy { !$0.text.contains(Self.who) })
        }
    }

    @Test(
        "A column that was called after them has another name, in the file as in its manifest",
        arguments: ["csv", "ndjson"])
    func columns(format: String) async throws {
        try await Works.with { works in
            try await works.apply(
                ErasedWindows.pipeline(
                    #"columns: [seq, identity, "event as ann@x.org"], where: { did: Joined }"#, format: format))
            let aged = try await Self.load(works)
            let erasure = try await ErasedWindows.remove(Self.who, works)
            let done = try await ErasedWindows.rewrite(erasure, aged, works, names: [Self.who])
            let files = try ErasedWindows.names(works, "." + format).map {
                try String(contentsOfFile: $0, encoding: .utf8)
            }
            #expect(
                files
                    == (format == "csv"
                        ? [
                            "seq,identity,[erased]\r\n2,bob,Joined\r\n", "seq,identity,[erased]\r\n4,bob,Seen\r\n",
                        ]
                        : [
                            #"{"seq":2,"identity":"bob","[erased]":"Joined"}"# + "\n",
                            #"{"seq":4,"identity":"bob","[erased]":"Seen"}"# + "\n",
                        ]))
            #expect(done.rows == 2 && done.isVerified && done.isOver, "\(done)")
            for manifest in try Self.manifests(works) {
                #expect(!manifest.text.contains(Self.who))
                #expect(manifest["columns"]?.arrayValue?.last?["name"] == "[erased]")
            }
        }
    }

    @Test("A specification that is refused once it names nobody holds up no file")
    func refused() async throws {
        try await Works.with { works in
            try await works.apply(
                ErasedWindows.pipeline(#"columns: [identity, "event as ann@x.org", "seq as anna@x.org"]"#))
            let aged = try await Self.load(works)
            let first = try #require(try ErasedWindows.names(works, ".json").first)
            // As of a version with another dataset, and of one that did not say what columns hold.
            guard case .object(let members) = try Self.manifests(works)[0] else { return }
            let odd = JSONValue.object(
                members.filter { $0.key != "tells" }.map {
                    $0.key == "spec" ? .init("spec", ["dataset": "orders", "seq_from": 0, "seq_to": 2]) : $0
                })
            try Data(odd.text.utf8).write(to: URL(fileURLWithPath: first))
            let erasure = try await ErasedWindows.remove(Self.who, works)
            let names = ["anna@x.org", Self.who]
            let done = try await ErasedWindows.rewrite(erasure, aged, works, names: names)
            #expect(
                try ErasedWindows.files(works).last == "identity,[erased],[erased] 2\r\nbob,Seen,4\r\n")
            #expect(done.rows == 1 && !done.isVerified && done.isOver, "\(done)")
            #expect(done.how.contains("1 files whose specifications this version refuses"))
            #expect(try Self.manifests(works).allSatisfy { !$0.text.contains(Self.who) })
        }
    }

    @Test("A file that was put before its manifest gets it, also where the manifest does not say what columns hold")
    func cutOff() async throws {
        try await Works.with { works in
            try await works.apply(ErasedWindows.pipeline("columns: [seq, identity, event]"))
            try await ErasedWindows.load(["ann", "bob"].map { .init(who: $0, name: "Joined", second: 10) }, works)
            try ErasedWindows.forgetTelling(works)
            let aged = try await ErasedWindows.age(before: 500, works)
            let erasure = try await ErasedWindows.remove("ann", works)
            let manifest = try #require(try ErasedWindows.names(works, ".json").first)
            await #expect(throws: ConnectorError.self) {
                try await ErasedWindows.rewrite(erasure, aged, works) { CutOff($0, manifest) }
            }
            let left = ["seq,identity,event\r\n2,bob,Joined\r\n"]
            #expect(try ErasedWindows.files(works) == left)
            let done = try await ErasedWindows.rewrite(erasure, aged, works)
            #expect(done.isVerified && done.isOver, "\(done)")
            #expect(try ErasedWindows.files(works) == left)
            let found = try #require(try Self.manifests(works).first)
            #expect(found["rows"] == 1 && found["bytes"] == .number("\(left[0].utf8.count)"))
            #expect(found["erasures"] == ["erasure-ann"] && found["erasing"] == nil)
        }
    }
}

/// A folder that is cut off after each file, before its manifest.
private struct CutOff: Destination {
    static let kind = FolderDestination.kind
    static let fields = FolderDestination.fields
    static let abilities = FolderDestination.abilities
    static let forgetting = FolderDestination.forgetting

    let folder: FolderDestination
    let manifest: String

    init(_ folder: FolderDestination, _ manifest: String) { (self.folder, self.manifest) = (folder, manifest) }

    init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        self.init(try FolderDestination(settings, tools), "")
    }

    var location: String { folder.location }

    func check() async throws(ConnectorError) { try await folder.check() }
    func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition {
        try await folder.position(stream)
    }
    func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt {
        let before = FileManager.default.contents(atPath: manifest)
        _ = try await folder.load(batch)
        try? before?.write(to: URL(fileURLWithPath: manifest))
        throw ConnectorError(.unreachable, "cut off", isTransient: true)
    }
    func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification {
        try await folder.verify(batch, receipt)
    }
    func windows(_ stream: LoadStream) async throws(ConnectorError) -> [JSONValue] { try await folder.windows(stream) }
    func fetch(_ batch: LoadBatch, to path: String) async throws(ConnectorError) -> FetchedWindow {
        try await folder.fetch(batch, to: path)
    }
    func remark(_ batch: LoadBatch) async throws(ConnectorError) { try await folder.remark(batch) }
}
