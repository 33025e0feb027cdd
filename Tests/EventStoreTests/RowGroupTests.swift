import DuckDB
import Foundation
import Testing

@testable import EventStore

@Suite("Row groups of cold files")
struct RowGroupTests {
    @Test(arguments: [
        (Int64(0), 16_384), (1, 16_384), (4_194_304, 16_384), (4_194_305, 32_768), (8_388_609, 65_536),
        (1_000_000_000, 65_536),
    ])
    func areFewHundredAtMost(rows: Int64, size: Int) {
        #expect(ColdWriter.rowGroupRows(of: rows) == size)
    }

    /// The engine takes some sizes only.
    @Test(arguments: [Int64(0), 5_000_000, 50_000_000])
    func theEngineTakesTheirSize(rows: Int64) throws {
        let path = "/tmp/sluice-row-groups-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = try ColdFolder(project: path)
        let connection = try Database(path: nil).connect()
        let writer = try ColdWriter(connection, folder, id: 1, rows: rows)
        writer.abandon()
    }
}
