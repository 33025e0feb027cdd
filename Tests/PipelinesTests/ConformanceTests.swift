import Connectors
import Foundation
import Model
import Testing

@testable import Destinations

@Suite("Every destination keeps the contract")
struct ConformanceTests {
    private let lab: DestinationLab

    init() throws { lab = try DestinationLab() }

    @Test("The same batch twice leaves its rows once", arguments: DestinationLab.kinds)
    func twice(kind: String) async throws {
        let destination = try lab.make(kind)
        try await destination.check()
        let stream = LoadStream(pipeline: "p", installation: "i")
        if kind != "http" { #expect(try await destination.position(stream) == .empty) }
        let batch = try lab.batch(kind, run: "r1", after: 0, upTo: 25)
        for _ in 0..<2 {
            let receipt = try await destination.load(batch)
            #expect(receipt.rows == 25 && receipt.reached == nil)
            let found = try await destination.verify(batch, receipt)
            #expect(found.holds, "\(found)")
        }
        if kind == "http" {
            #expect(lab.receiver.rows == 25)
        } else {
            #expect(try await destination.position(stream) == .upTo(25))
            // Another installation's loads are not ours.
            let other = try await destination.position(LoadStream(pipeline: "p", installation: "j"))
            #expect(other == .empty || other == .upTo(0))
        }
    }

    @Test("A file of another project is not written over")
    func foreignFile() async throws {
        let destination = try lab.make("folder")
        _ = try await destination.load(try lab.batch("folder", run: "r1", after: 0, upTo: 5))
        var other = try lab.batch("folder", run: "r2", after: 0, upTo: 5)
        other.stream = LoadStream(pipeline: "p", installation: "j")
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(other) }
        #expect(error?.isTransient == false && error?.message.contains("folder of its own") == true)
    }

    @Test(
        "A table that was dropped is made again with all rows, though its ledger stayed",
        arguments: DestinationLab.tables)
    func dropped(kind: String) async throws {
        let destination = try lab.make(kind)
        _ = try await destination.load(try lab.batch(kind, run: "r1", after: 0, upTo: 5))
        _ = try lab.rows(kind, "DROP TABLE main.events")
        let again = try lab.batch(kind, run: "r2", after: 0, upTo: 7)
        let receipt = try await destination.load(again)
        #expect(receipt.rows == 7 && receipt.reached == nil)
    }

    @Test(
        "Windows follow one another, and one that is there in part is refused by tables",
        arguments: DestinationLab.tables)
    func windows(kind: String) async throws {
        let destination = try lab.make(kind)
        _ = try await destination.load(try lab.batch(kind, run: "r1", after: 0, upTo: 5))
        _ = try await destination.load(try lab.batch(kind, run: "r2", after: 5, upTo: 9))
        let late = try await destination.load(try lab.batch(kind, run: "r3", after: 5, upTo: 12))
        #expect(late.reached == 9 && late.rows == 0)
        let rest = try lab.batch(kind, run: "r3", after: 9, upTo: 12)
        let receipt = try await destination.load(rest)
        #expect(receipt.rows == 3)
        #expect(try await destination.verify(rest, receipt).holds)
    }

    @Test("A column more is added, and refused where the schema is frozen", arguments: DestinationLab.tables)
    func schema(kind: String) async throws {
        let destination = try lab.make(kind)
        _ = try await destination.load(try lab.batch(kind, run: "r1", after: 0, upTo: 2))
        var more = try lab.batch(kind, run: "r2", after: 2, upTo: 4, columns: ["seq", "event", "extra"])
        more.evolves = false
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(more) }
        #expect(error?.message.contains("\"extra\"") ?? false)
        more.evolves = true
        #expect(
            try await destination.load(more).changes == [
                "the column \"extra\" was added to \"\(lab.space)\".\"events\""
            ])
    }

    @Test(
        "Rows with a key are replaced, removed, or everything is", arguments: [LoadMode.upsert, .delete, .replace],
        DestinationLab.tables)
    func modes(mode: LoadMode, kind: String) async throws {
        let destination = try lab.make(kind)
        _ = try await destination.load(try lab.batch(kind, run: "r1", after: 0, upTo: 10))
        var next = try lab.batch(kind, run: "r2", after: 10, upTo: 10, mode: mode, key: mode == .replace ? [] : ["seq"])
        try "seq,event\n9,x\n10,x\n11,x\n11,y\n".write(toFile: next.file, atomically: true, encoding: .utf8)
        next.rows = 4
        let receipt = try await destination.load(next)
        #expect(receipt.rows == [LoadMode.upsert: 3, .delete: 2, .replace: 4][mode])
        let found = try await destination.verify(next, receipt)
        #expect(found.holds, "\(found)")
    }

    @Test("A load that is cut off ends at once, and leaves nothing", arguments: DestinationLab.tables)
    func cutOff(kind: String) async throws {
        let destination = try lab.make(kind)
        _ = try await destination.load(try lab.batch(kind, run: "r1", after: 0, upTo: 5))
        let batch = try lab.batch(kind, run: "r2", after: 5, upTo: 200_000, mode: .upsert, key: ["event"])
        let error = await #expect(throws: ConnectorError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await destination.load(batch) }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        #expect(error?.isTransient == true)
        #expect(try lab.rows(kind, "SELECT count(*) FROM main.events") == [["5"]])
    }
}
