import Control
import Destinations
import EventStore
import Foundation
import Model
import Synchronization
import Testing

@testable import Pipelines

/// Files that a pipeline leaves in a folder, and persons who are taken out of them.
enum ErasedWindows {
    /// Events of persons at a second.
    struct Event {
        let who: String
        let name: String
        let second: Int64
    }

    static func pipeline(_ export: String, format: String = "csv", more: String = "") -> String {
        """
        name: p
        export: { dataset: events, format: \(format), \(export) }
        \(more)
        load: { destination: { type: folder, path: out } }

        """
    }

    /// Collects, and loads what is new.
    static func load(_ events: [Event], _ works: Works) async throws {
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
    static func age(before second: Int64, _ works: Works) async throws -> AgedRows {
        let store = try #require(works.tools.project("default")).store
        _ = try await store.remove(.aged([.init(before: Timestamp(microseconds: second * 1_000_000))]))
        return AgedRows(through: try #require(store.agedHistory).through, epoch: store.erasureEpoch)
    }

    /// Takes somebody out of the store and out of the files.
    static func erase(_ who: String, _ aged: AgedRows, _ works: Works) async throws -> ErasedRows {
        try await rewrite(try await remove(who, works), aged, works)
    }

    /// Takes somebody out of the store: what is to be done elsewhere.
    static func remove(_ who: String, _ works: Works) async throws -> RowErasure {
        let project = try #require(works.tools.project("default"))
        let targets = try await project.store.identitiesOfPersons(with: [who])
        let seqs = Mutex<[Int64]>([])
        _ = try await project.store.remove(
            .identities(targets.map(\.id)), noting: { found in seqs.withLock { $0 = found.seqs } })
        return RowErasure(
            // Ids name nobody.
            id: "erasure-\(who.prefix(3))",
            stream: LoadStream(pipeline: "p", installation: try await works.control.installation() + "/default"),
            identities: targets.map(\.text), persons: targets.map { PersonID($0.id).text },
            seqs: seqs.withLock { $0 }, columns: [])
    }

    /// Takes somebody out of the files, whose names are among those that are given.
    static func rewrite(
        _ erasure: RowErasure, _ aged: AgedRows, _ works: Works, names: [String] = [],
        at place: (FolderDestination) -> any Destination = { $0 }
    ) async throws -> ErasedRows {
        let project = try #require(works.tools.project("default"))
        let made = try works.tools.destination(["type": "folder", "path": "out"], isTrusted: false)
        let destination = place(try #require(made as? FolderDestination))
        let renamed: @Sendable (String) -> String = { text in
            names.reduce(text) { $0.replacing($1, with: "[erased]") }
        }
        return try await WindowRewriter(
            project: project, erasure: erasure, epoch: project.store.erasureEpoch, aged: aged,
            redacted: { (try? JSONValue(text: renamed($0.text))) ?? $0 }, renamed: renamed
        ).rewrite(at: destination)
    }

    static func names(_ works: Works, _ suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: works.folder + "/own/out").filter { $0.hasSuffix(suffix) }
            .sorted().map { works.folder + "/own/out/" + $0 }
    }

    static func files(_ works: Works) throws -> [String] {
        try names(works, ".csv").map { try String(contentsOfFile: $0, encoding: .utf8) }
    }

    /// Takes the marks out of the manifests that earlier versions did not write.
    static func forgetTelling(_ works: Works) throws {
        for path in try names(works, ".json") {
            let json = try JSONValue(text: try String(contentsOfFile: path, encoding: .utf8))
            guard case .object(let members) = json else { continue }
            #expect(json["tells"] != nil)
            let left = JSONValue.object(members.filter { $0.key != "tells" })
            try Data(left.text.utf8).write(to: URL(fileURLWithPath: path))
        }
    }
}
