import Foundation
import Model
import Synchronization
import Testing

@testable import Exports

@Suite("Work beside the caller is done in order, and its first error ends it")
struct StageTests {
    private final class Log: Sendable {
        private let entries = Mutex<[Int]>([])
        var values: [Int] { entries.withLock { $0 } }
        func add(_ value: Int) { entries.withLock { $0.append(value) } }
    }

    @Test func inputsAreTakenInOrder() throws {
        let log = Log()
        let stage = SerialStage<Int>("test", depth: 3) { log.add($0) }
        for number in 0..<1_000 { try stage.hand(number) }
        try stage.finish()
        #expect(log.values == Array(0..<1_000))
    }

    @Test func nothingIsTakenAfterAnError() {
        let log = Log()
        let stage = SerialStage<Int>("test", depth: 2) { (number) throws(ExportError) in
            if number == 3 { throw ExportError(.files, "the disk is full") }
            log.add(number)
        }
        let error = #expect(throws: ExportError.self) {
            for number in 0..<1_000 { try stage.hand(number) }
            try stage.finish()
        }
        #expect(error?.message == "the disk is full")
        stage.settle()
        #expect(log.values == [0, 1, 2])
        #expect(throws: ExportError.self) { try stage.finish() }
    }

    private func folder() throws -> String {
        let path = NSTemporaryDirectory() + "sluice-follow-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Test func aFileThatGrowsHasTheDigestOfItsWhole() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/x"
        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let total = TotalDigest()
        let followed = FollowedFile(path, isDurable: true, total: total)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        var whole = Digest()
        var bytes: Int64 = 0
        for number in 0..<40 {
            let piece = [UInt8](repeating: UInt8(number), count: 90_001 + number)
            try handle.write(contentsOf: piece)
            unsafe piece.withUnsafeBytes { unsafe whole.update($0) }
            bytes += Int64(piece.count)
        }
        try handle.close()
        let ended = try followed.finish()
        #expect(ended.sha256 == whole.hex && ended.bytes == bytes)
        #expect(total.digest.hex == whole.hex)
    }

    @Test func aFileThatShrankIsRefused() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/x"
        try Data(repeating: 1, count: 10).write(to: URL(fileURLWithPath: path))
        let followed = FollowedFile(path, isDurable: true, total: nil)
        #expect(try followed.finish().bytes == 10)
        try Data(repeating: 1, count: 5).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: ExportError.self) { try followed.finish() }
        #expect(error?.code == .files)
    }
}
