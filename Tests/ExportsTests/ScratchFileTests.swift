import Foundation
import Testing

@testable import Exports

@Suite("What an export puts aside is read back, and of an encrypted one by it alone")
struct ScratchFileTests {
    private static func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    @Test(arguments: [false, true], 0..<3)
    func anyPlace(isEncrypted: Bool, seed: Int) throws {
        var random = SeededGenerator(seed: seed)
        let file = try Scratch(folder: NSTemporaryDirectory(), isEncrypted: isEncrypted).file("test")
        var all: [UInt8] = []
        for _ in 0..<40 {
            let piece = Self.bytes(Int.random(in: 0...700, using: &random), &random)
            // Lent for the calls.
            unsafe try piece.withUnsafeBytes { unsafe try file.append($0) }
            all += piece
        }
        #expect(file.size == all.count)
        for _ in 0..<200 {
            let start = Int.random(in: 0...all.count, using: &random)
            let end = Int.random(in: start...all.count, using: &random)
            var found = [UInt8](repeating: 0, count: end - start)
            unsafe try found.withUnsafeMutableBytes { unsafe try file.read($0, at: start) }
            #expect(found == Array(all[start..<end]))
        }
        var beyond: [UInt8] = [0]
        #expect(throws: ExportError.self) {
            unsafe try beyond.withUnsafeMutableBytes { unsafe try file.read($0, at: all.count) }
        }
    }

    /// What the disk has.
    @Test(arguments: [false, true])
    func onTheDisk(isEncrypted: Bool) throws {
        let kind = "disk-\(isEncrypted)"
        let file = try Scratch(folder: NSTemporaryDirectory(), isEncrypted: isEncrypted).file(kind)
        let text = Array(String(repeating: "somebody@example.com ", count: 100).utf8)
        for _ in 0..<3 { unsafe try text.withUnsafeBytes { unsafe try file.append($0) } }
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").map { "/proc/self/fd/\($0)" }
        let place = open.first {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: $0))?.contains("/\(kind)-") == true
        }
        let disk = try #require(FileManager.default.contents(atPath: place ?? ""))
        #expect(disk.count == text.count * 3)
        #expect((disk.range(of: Data("somebody".utf8)) != nil) == !isEncrypted)
        // Equal pieces do not look equal.
        #expect((disk.prefix(text.count) == disk.suffix(text.count)) == !isEncrypted)
    }
}
