import Control
import Destinations
import EventStore
import Foundation
import Model
import Synchronization
import Testing

@testable import Pipelines

@Suite("Files that pipelines left lose the rows of who is forgotten, and no others")
struct ErasedWindowTests {
    /// Events of persons at a second.
    private struct Event {
        let who: String
        let name: String
        let second: Int64
    }

    private static func pipeline(_ export: String) -> String {
        """
        name: p
        export: { dataset: events, format: csv, \(export) }
        load: { destination: { type: folder, path: out } }

        """
    }

    /// Collects, and loads what is new.
    private static func load(_ events: [Event], _ works: Works) async throws {
        try await works.collect(
            events.map { event in
                let time = Timestamp(microseconds: event.second * 1_000_000)
                var item = Item(kind: .event, wire: .native, timestamp: time, receivedAt: time)
                item.id = Array("\(event.who)-\(event.name)-\(event.second)".utf8)
                (item.identity, item.name) = (Array(event.who.utf8), Array(event.name.utf8))
                item.properties = Array("{}".utf8)
                return item
            })
        let keeper = PipelineKeeper(tools: works.tools, followsSchedules: false)
        _ = try await keeper.start(project: "default", pipeline: "p")
        try await works.go(keeper)
        #expect(try await works.runs().first?.status == .succeeded)
    }

    /// Takes what is older than a second out of the store.
    private static func age(before second: Int64, _ works: Works) async throws -> AgedRows {
        let store = try #require(works.tools.project("default")).store
        _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: second * 1_000_000))]))
        return AgedRows(through: try #require(store.agedHistory).through, epoch: store.erasureEpoch)
    }

    /// Takes somebody out of the store and out of the files.
    private static func erase(_ who: String, _ aged: AgedRows, _ works: Works) async throws -> ErasedRows {
        let project = try #require(works.tools.project("default"))
        let targets = try await project.store.identitiesOfPersons(with: [who])
        let seqs = Mutex<[Int64]>([])
        _ = try await project.store.remove(
            .identities(targets.map(\.id)), noting: { found in seqs.withLock { $0 = found.seqs } })
        let erasure = RowErasure(
            id: "erasure-\(who)",
            stream: LoadStream(pipeline: "p", installation: try await works.control.installation() + "/default"),
            identities: targets.map(\.text), persons: targets.map { PersonID($0.id).text },
            seqs: seqs.withLock { $0 }, columns: [])
        let destination = try works.tools.destination(["type": "folder", "path": "out"], isTrusted: false)
        return try await WindowRewriter(
            project: project, erasure: erasure, epoch: project.store.erasureEpoch, aged: aged, redacted: { $0 }
        ).rewrite(at: destination)
    }

    private static func names(_ works: Works, _ suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: works.folder + "/own/out").filter { $0.hasSuffix(suffix) }
            .sorted().map { works.folder + "/own/out/" + $0 }
    }

    private static func files(_ works: Works) throws -> [String] {
        try names(works, ".csv").map { try String(contentsOfFile: $0, encoding: .utf8) }
    }

    /// Takes the marks out of the manifests that earlier versions did not write.
    private static func forgetTelling(_ works: Works) throws {
        for path in try names(works, ".json") {
            let json = try JSONValue(text: try String(contentsOfFile: path, encoding: .utf8))
            guard case .object(let members) = json else { continue }
            #expect(json["tells"] != nil)
            let left = JSONValue.object(members.filter { $0.key != "tells" })
            try Data(left.text.utf8).write(to: URL(fileURLWithPath: path))
        }
    }

    @Test("A window whose rows were chosen by history that is gone keeps everybody else's")
    func thinned() async throws {
        try await Works.with { works in
            try await works.apply(Self.pipeline("columns: [seq, event, identity], where: { did: Joined }"))
            try await Self.load(
                [Event(who: "ann", name: "Joined", second: 10), Event(who: "bob", name: "Joined", second: 10)], works)
            try await Self.load(["ann", "bob", "cy"].map { Event(who: $0, name: "Seen", second: 1_000) }, works)
            let aged = try await Self.age(before: 500, works)
            let done = try await Self.erase("ann", aged, works)
            #expect(
                try Self.files(works) == ["seq,event,identity\n2,Joined,bob\n", "seq,event,identity\n4,Seen,bob\n"])
            #expect(done.rows == 2 && done.isVerified && done.isOver, "\(done)")
        }
    }

    @Test("Where no column tells whose such rows are, the receipt says that they were left")
    func thinnedAndUntellable() async throws {
        try await Works.with { works in
            try await works.apply(Self.pipeline("columns: [event, timestamp], where: { did: Joined }"))
            try await Self.load(
                [Event(who: "ann", name: "Joined", second: 10), Event(who: "ann", name: "Joined", second: 20)], works)
            try await Self.load(["ann", "bob"].map { Event(who: $0, name: "Seen", second: 1_000) }, works)
            let before = try Self.files(works)
            let done = try await Self.erase("ann", try await Self.age(before: 500, works), works)
            #expect(try Self.files(works) == before)
            #expect(done.rows == 0 && !done.isVerified && done.isOver)
            #expect(done.how.contains("1 files of rows that depend on what is older than what the store keeps"))
        }
    }

    @Test("A manifest that does not say what columns hold is taken at its specification's word, and proves nothing")
    func untold() async throws {
        try await Works.with { works in
            try await works.apply(Self.pipeline("columns: [seq, identity, event]"))
            try await Self.load(["ann", "bob"].map { Event(who: $0, name: "Joined", second: 10) }, works)
            try Self.forgetTelling(works)
            try await Self.load(["ann", "bob", "cy"].map { Event(who: $0, name: "Seen", second: 1_000) }, works)
            let aged = try await Self.age(before: 500, works)
            let done = try await Self.erase("ann", aged, works)
            let files = try Self.files(works)
            // The first lost a row; the second was made by the store.
            #expect(
                files == [
                    "seq,identity,event\n2,bob,Joined\n", "seq,identity,event\r\n4,bob,Seen\r\n5,cy,Seen\r\n",
                ])
            #expect(done.rows == 2 && done.isVerified && done.isOver, "\(done)")
            // Nobody of that name is in the first one: that need not mean that nothing there is theirs.
            let other = try await Self.erase("cy", aged, works)
            #expect(other.rows == 1 && !other.isVerified && other.isOver)
            #expect(other.how.contains("1 files whose manifests do not say what their columns hold"))
        }
    }

    @Test("A file that the store makes anew says what its columns hold")
    func toldAnew() async throws {
        try await Works.with { works in
            try await works.apply(Self.pipeline("columns: [seq, identity]"))
            try await Self.load(["ann", "bob"].map { Event(who: $0, name: "Seen", second: 1_000) }, works)
            try Self.forgetTelling(works)
            let done = try await Self.erase("ann", AgedRows(), works)
            #expect(done.rows == 1 && done.isVerified)
            let manifest = try String(
                contentsOfFile: try #require(try Self.names(works, ".json").first), encoding: .utf8)
            #expect(try JSONValue(text: manifest)["tells"] == ["identity": "identity", "seq": "seq"])
        }
    }
}
