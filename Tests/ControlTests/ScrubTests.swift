import Dispatch
import Foundation
import GRDB
import Model
import Testing

@testable import Control

@Suite("What leaves the control database leaves its files")
struct ScrubTests {
    private func delete(_ id: String, _ control: ControlStore) async throws {
        try await control.write { db in try db.execute(sql: "DELETE FROM export_runs WHERE id = ?", arguments: [id]) }
    }

    /// Rows with the text in them: short ones, and one that fills pages of its own.
    private func fill(_ control: ControlStore, with text: String) async throws -> [ExportRecord] {
        var made: [ExportRecord] = []
        for i in 0..<200 {
            let spec: JSONValue = ["where": .string("\(text) \(i)"), "dataset": "people"]
            made.append(try await control.createExport(project: "default", spec: spec.text, resolved: spec.text))
        }
        let long: JSONValue = ["where": .string(String(repeating: text + " ", count: 2000))]
        made.append(try await control.createExport(project: "default", spec: long.text, resolved: long.text))
        return made
    }

    @Test("Rows that were deleted, and a detail that was replaced, are in no file after a scrub")
    func bytes() async throws {
        try await withControl { control, directory in
            let text = "quagga-7f3e@unlikely.example"
            let exports = try await fill(control, with: text)
            let record = try await control.createPrivacyRecord(
                project: "default", kind: .erasure, detail: ["note": .string(text)])
            #expect(try filesHolding(text, in: directory) != [])
            for export in exports where export.number % 2 == 0 { try await delete(export.id, control) }
            try await control.scrub()
            #expect(try filesHolding(text, in: directory) == ["control.sqlite"], "what was kept is still there")
            for export in exports { try await delete(export.id, control) }
            try await control.updatePrivacyRecord(record.id, detail: [:])
            #expect(try filesHolding(text, in: directory) != [], "the log has the pages as they were")
            try await control.scrub()
            #expect(try filesHolding(text, in: directory) == [])
            #expect(try await control.privacyRecord(record.id, project: "default")?.detail == [:])
        }
    }

    @Test("A file that an earlier version wrote loses what was deleted without overwriting")
    func earlierVersion() async throws {
        let directory = NSTemporaryDirectory() + "control-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        _ = try ControlStore.initialize(directory: directory)
        let text = "quagga-91aa@unlikely.example"
        do {
            let queue = try DatabaseQueue(path: ControlStore.path(in: directory))
            try await queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA secure_delete = OFF")
                for i in 0..<50 {
                    try db.execute(
                        sql: "INSERT INTO idempotency (project, key, request_hash, created_at) VALUES (?, ?, ?, 1)",
                        arguments: ["default", "\(text) \(i)", Data(repeating: 0, count: 32)])
                }
                try db.execute(sql: "DELETE FROM idempotency")
                _ = try db.checkpoint(.truncate)
            }
            try queue.close()
        }
        #expect(try filesHolding(text, in: directory) != [])
        let control = try ControlStore(directory: directory)
        try await control.scrub()
        #expect(try filesHolding(text, in: directory) == [])
        try control.close()
    }

    @Test("A scrub waits for whoever reads an older state")
    func readers() async throws {
        try await withControl { control, directory in
            let text = "quagga-c05d@unlikely.example"
            let exports = try await fill(control, with: text)
            let (reads, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let reader: Int? = control.read { db in
                let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM export_runs")
                reads.signal()
                mayEnd.wait()
                return count
            }
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    reads.wait()
                    continuation.resume()
                }
            }
            for export in exports { try await delete(export.id, control) }
            async let scrubbed: Void = control.scrub()
            // From here on the log can be emptied, whether the scrub has tried before or not.
            mayEnd.signal()
            try await scrubbed
            #expect(try await reader == exports.count)
            #expect(try filesHolding(text, in: directory) == [])
        }
    }
}
