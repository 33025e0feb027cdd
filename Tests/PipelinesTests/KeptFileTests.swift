import Foundation
import Model
import Testing

@testable import Pipelines

@Suite("Kept files of runs")
struct KeptFileTests {
    let folder = NSTemporaryDirectory() + "kept-\(UUID().uuidString)"

    private func keep(_ run: String, _ window: (Int64, Int64), until: Int64) throws -> KeptRunFiles {
        let kept = KeptRunFiles(pipeline: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/rows"
        try Data(run.utf8).write(to: URL(filePath: path))
        try kept.keep(
            path, suffix: ".ndjson.gz", of: run, window: window, until: Timestamp(microseconds: until), for: [])
        return kept
    }

    @Test("A file is found by its run until its time is over; the later one of a run counts")
    func time() throws {
        _ = try keep("run_a", (0, 10), until: 500)
        _ = try keep("run_a", (0, 10), until: 1_000)
        let kept = try keep("run_b", (10, 20), until: 2_000)
        #expect(kept.files().count == 2)
        let found = try #require(kept.find("run_a"))
        #expect(
            found.name == "run_a.ndjson.gz" && found.bytes == 5 && !found.isEncrypted
                && found.until.microseconds == 1_000)
        kept.prune(now: Timestamp(microseconds: 999))
        #expect(kept.find("run_a") != nil)
        kept.prune(now: Timestamp(microseconds: 1_000))
        #expect(kept.files().map(\.run) == ["run_b"])
    }

    @Test("Those go in whose window a number lies, and what is no file of ours")
    func erasure() throws {
        for (run, window) in [("run_a", (0, 10)), ("run_b", (10, 20)), ("run_c", (20, 30))]
            as [(String, (Int64, Int64))]
        {
            _ = try keep(run, window, until: 9)
        }
        let kept = KeptRunFiles(pipeline: folder)
        try Data("x".utf8).write(to: URL(filePath: folder + "/kept/strange"))
        #expect(kept.erase([10, 21]) == (3, 0))
        #expect(kept.files().map(\.run) == ["run_b"])
        #expect(kept.erase([]) == (0, 0))
    }
}
