import DuckDB
import EventStore
import Foundation
import Logging
import Testing

@testable import Reports

@Suite("Reports are bounded")
struct LimitTests {
    @Test("What takes too long is interrupted, and the lane goes on")
    func interrupted() async throws {
        let folder = NSTemporaryDirectory() + "sluice-reports-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = StoreSettings()
        settings.questionLanes = 1
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let store = try EventStore.open(directory: folder, settings: settings, logger: logger)
        // It ends by being interrupted, or not within a lifetime.
        let endless = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range % 7 = b.range % 5"
        await #expect(throws: ReportError.timeLimit(.milliseconds(50))) {
            _ = try await ReportRunner.within(.milliseconds(50), on: store) { connection in
                try connection.row(endless)?[0].int
            }
        }
        let after = try await ReportRunner.within(.seconds(60), on: store) { connection in
            try connection.row("SELECT 7")?[0].int
        }
        #expect(after == 7)
        try await store.close()
    }
}
