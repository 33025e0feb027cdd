import EventStore
import Foundation
import Model
import Testing

@testable import Exports

@Suite("A folder in the KISSmetrics layout is whole at any moment")
struct LayoutFolderTests {
    private func manifest(_ export: String, seqTo: Int64) -> Manifest {
        Manifest(
            exportID: export, runID: export, dataset: .events, spec: [:], columns: [], rows: 0, bytes: 0, sha256: "",
            parts: [], seqFrom: 0, seqTo: seqTo, asOfSeq: seqTo, asOf: Timestamp(microseconds: 0))
    }

    /// Writes the next revision under its temporary name.
    private func revision(_ folder: LayoutFolder, plus: Int64 = 1) throws -> LayoutRevision {
        let number = folder.revisions + plus
        let text = "{\"_p\":\"a\",\"_t\":\(number),\"_n\":\"e\"}\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder.temporary(number)))
        return LayoutRevision(
            number: number, lines: 1, bytes: Int64(text.utf8.count), sha256: "", from: number, to: number)
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let outer = NSTemporaryDirectory() + "sluice-layout-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: outer, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: outer) }
        try body(outer + "/km")
    }

    private func text(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? "(no file)"
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    private let header = "filename,min_timestamp,max_timestamp,min_utc_date,max_utc_date\n"
    private func indexLine(_ n: Int) -> String {
        "revisions/\(n).json,\(n),\(n),1970-01-01 00:00 GMT,1970-01-01 00:00 GMT\n"
    }

    @Test func runsAdd() throws {
        try withFolder { path in
            var folder = try LayoutFolder(path, exportID: "ex_1")
            #expect(folder.isNew && folder.position == 0 && folder.revisions == 0)
            // A run that finds nothing leaves a layout all the same.
            try folder.publish([], manifest("ex_1", seqTo: 3))
            #expect(names(path) == ["index.csv", "revisions", "sluice-state.json", "status.csv"])
            #expect(text(path + "/index.csv") == header)
            #expect(
                text(path + "/status.csv")
                    == "total_revisions,exported_revisions,max_exported_revision_timestamp,max_exported_revision_utc_date\n0,0,,\n"
            )
            for run in 2...3 {
                folder = try reopened(&folder, path, "ex_\(run)")
                #expect(!folder.isNew && folder.position == Int64(run * 3 - 3))
                let revisions = [try revision(folder), try revision(folder, plus: 2)]
                try folder.publish(revisions, manifest("ex_\(run)", seqTo: Int64(run * 3)))
            }
            #expect(names(path + "/revisions") == ["1.json", "2.json", "3.json", "4.json"])
            #expect(text(path + "/index.csv") == header + (1...4).map(indexLine).joined())
            #expect(text(path + "/status.csv").hasSuffix("\n4,4,4,1970-01-01 00:00 GMT\n"))
            #expect(try Manifest.read(path + ".manifest.json").exportID == "ex_3")
            #expect(try folder.finished("ex_3")?.seqTo == 9 && folder.finished("ex_2") == nil)
        }
    }

    /// The folder opened anew: what a next run sees.
    private func reopened(_ folder: inout LayoutFolder, _ path: String, _ export: String) throws -> LayoutFolder {
        // The lock goes with the object.
        folder = try LayoutFolder(path + "-other", exportID: "ex_0")
        return try LayoutFolder(path, exportID: export)
    }

    @Test func oneAtATime() throws {
        try withFolder { path in
            let folder = try LayoutFolder(path, exportID: "ex_1")
            let error = #expect(throws: ExportError.self) { try LayoutFolder(path, exportID: "ex_2") }
            #expect(error?.isTransient == true && error?.message.contains("another export") == true)
            withExtendedLifetime(folder) {}
        }
    }

    /// The run is cut off after each of the steps in which it is published; the next one finds it whole.
    @Test(arguments: 0...7)
    func cutOff(after steps: Int) throws {
        try withFolder { path in
            var folder = try LayoutFolder(path, exportID: "ex_1")
            try folder.publish([try revision(folder)], manifest("ex_1", seqTo: 5))
            folder = try reopened(&folder, path, "ex_2")
            let new = [try revision(folder), try revision(folder, plus: 2)]
            let temporary = path + "/.ex_2.partial"
            let before = text(path + "/sluice-state.json")
            // What publishing leaves behind, step by step.
            if steps >= 1 {
                var state = try #require(LayoutState(json: JSONValue(text: before)))
                state.publishing = .init(
                    temporary: ".ex_2.partial", revisions: new, manifest: manifest("ex_2", seqTo: 9))
                try Data((state.json.text + "\n").utf8).write(to: URL(fileURLWithPath: path + "/sluice-state.json"))
            }
            for number in 2...3 where steps >= number {
                try FileManager.default.moveItem(
                    atPath: "\(temporary)/\(number).json", toPath: "\(path)/revisions/\(number).json")
            }
            let lines = header + (1...3).map(indexLine).joined()
            if steps == 4 {
                // A line that was torn.
                try Data(lines.utf8.dropLast(20)).write(to: URL(fileURLWithPath: path + "/index.csv"))
            }
            if steps >= 5 { try Data(lines.utf8).write(to: URL(fileURLWithPath: path + "/index.csv")) }
            if steps >= 6 { try Data("x".utf8).write(to: URL(fileURLWithPath: path + "/status.csv")) }
            if steps >= 7 { try Data("x".utf8).write(to: URL(fileURLWithPath: path + ".manifest.json")) }

            folder = try reopened(&folder, path, "ex_3")
            let isDone = steps >= 1
            #expect(folder.position == (isDone ? 9 : 5) && folder.revisions == (isDone ? 3 : 1))
            #expect(names(path) == ["index.csv", "revisions", "sluice-state.json", "status.csv"])
            #expect(names(path + "/revisions") == (isDone ? ["1.json", "2.json", "3.json"] : ["1.json"]))
            #expect(text(path + "/index.csv") == (isDone ? lines : header + indexLine(1)))
            #expect(text(path + "/status.csv").contains(isDone ? "\n3,3,3," : "\n1,1,1,"))
            #expect(try Manifest.read(path + ".manifest.json").exportID == (isDone ? "ex_2" : "ex_1"))
            #expect(!text(path + "/sluice-state.json").contains("publishing"))
        }
    }

    @Test func foreignLayoutsAreLeftAlone() throws {
        try withFolder { path in
            let files = FileManager.default
            try files.createDirectory(atPath: path + "/revisions", withIntermediateDirectories: true)
            try Data("{}\n".utf8).write(to: URL(fileURLWithPath: path + "/revisions/1.json"))
            #expect(throws: ExportError.self) { try LayoutFolder(path, exportID: "ex_1") }
            try files.removeItem(atPath: path + "/revisions/1.json")
            try Data(header.utf8).write(to: URL(fileURLWithPath: path + "/index.csv"))
            let error = #expect(throws: ExportError.self) { try LayoutFolder(path, exportID: "ex_1") }
            #expect(error?.code == .invalidSpec)
            try Data("{\"version\":2}".utf8).write(to: URL(fileURLWithPath: path + "/sluice-state.json"))
            #expect(throws: ExportError.self) { try LayoutFolder(path, exportID: "ex_1") }
        }
    }

    @Test func whatOthersChangedStopsTheNextRun() throws {
        try withFolder { path in
            var folder = try LayoutFolder(path, exportID: "ex_1")
            try folder.publish([try revision(folder)], manifest("ex_1", seqTo: 5))
            folder = try LayoutFolder(path + "-other", exportID: "ex_0")
            try Data((header + indexLine(1) + "more\n").utf8).write(to: URL(fileURLWithPath: path + "/index.csv"))
            let error = #expect(throws: ExportError.self) { try LayoutFolder(path, exportID: "ex_2") }
            #expect(error?.message.contains("somebody changed it") == true)
        }
    }

    /// A revision that somebody put there is neither replaced nor taken for ours.
    @Test func aRevisionThatIsThereStays() throws {
        try withFolder { path in
            let folder = try LayoutFolder(path, exportID: "ex_1")
            let new = try revision(folder)
            try FileManager.default.createDirectory(atPath: path + "/revisions", withIntermediateDirectories: true)
            try Data("mine".utf8).write(to: URL(fileURLWithPath: path + "/revisions/1.json"))
            #expect(throws: ExportError.self) { try folder.publish([new], manifest("ex_1", seqTo: 5)) }
            #expect(text(path + "/revisions/1.json") == "mine" && text(path + "/index.csv") == "(no file)")
        }
    }

    @Test("Revisions that importers took away stay in the manifest as they were, and end no erasure")
    func consumed() throws {
        try withFolder { path in
            let folder = try LayoutFolder(path, exportID: "ex_1")
            let revisions = [try revision(folder), try revision(folder, plus: 2)]
            var manifest = manifest("ex_1", seqTo: 2)
            manifest.parts = revisions.map {
                Manifest.Part(file: "km/\($0.file)", rows: 1, bytes: $0.bytes, sha256: "as written")
            }
            manifest.layout = ["revisions": .array(revisions.map(\.json))]
            try folder.publish(revisions, manifest)
            try FileManager.default.removeItem(atPath: path + "/revisions/1.json")
            #expect(try folder.erase { $0 == "a" } == 1)
            let now = try folder.refreshed(manifest)
            #expect(now.parts[0] == manifest.parts[0])
            #expect(now.parts[1].rows == 0 && now.parts[1].bytes == 0 && now.parts[1].sha256 != "as written")
            #expect(names(path + "/revisions") == ["2.json"])
            // With nothing left to look at, it stays as it is.
            try FileManager.default.removeItem(atPath: path + "/revisions/2.json")
            #expect(try folder.erase { $0 == "a" } == 0)
            #expect(try folder.refreshed(manifest) == manifest)
        }
    }
}
