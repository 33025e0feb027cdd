import Foundation
import Testing

@testable import Control

/// A data folder of its own with a fresh control database, removed at the end.
func withControl(_ body: (ControlStore, String) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "control-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    _ = try ControlStore.initialize(directory: directory)
    let control = try ControlStore(directory: directory)
    try await body(control, directory)
    try control.close()
}

/// How many files of the folder hold the text, as bytes.
func filesHolding(_ text: String, in directory: String) throws -> [String] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory)
    return try names.sorted().filter { name in
        let data = try Data(contentsOf: URL(fileURLWithPath: directory + "/" + name))
        return data.range(of: Data(text.utf8)) != nil
    }
}
