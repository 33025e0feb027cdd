import Connectors
import Foundation
import Model
import Testing

@testable import Destinations

@Suite("Files lie where they may, and secrets are not shown")
struct FolderTests {
    private let lab: DestinationLab

    init() throws { lab = try DestinationLab() }

    @Test("A folder that is replaced has the new file alone, and one that is stale says so")
    func replacedFolder() async throws {
        let destination = try lab.make("folder")
        let stream = LoadStream(pipeline: "p", installation: "i")
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: lab.folder + "/roots/out").sorted()
        }
        for to in [5, 9] {
            var batch = try lab.batch("folder", run: "r\(to)", after: 0, upTo: to, mode: .replace)
            batch.isIncremental = false
            let receipt = try await destination.load(batch)
            #expect(try await destination.verify(batch, receipt).holds)
        }
        #expect(
            try names() == ["p-0000000000000-0000000000009.csv", "p-0000000000000-0000000000009.csv.manifest.json"])
        func stale() async throws -> [Bool?] { try await destination.windows(stream).map { $0["stale"]?.boolValue } }
        try await destination.mark(stream, isStale: true)
        #expect(try await stale() == [true])
        try await destination.mark(stream, isStale: false)
        #expect(try await stale() == [false])
    }

    @Test("What may be a secret is not shown, and not part of a location")
    func shown() throws {
        let registry = DestinationRegistry.builtin
        let settings: JSONValue = [
            "type": "http", "url": "https://h.example/hooks/T0/secretpath?x=1",
            "headers": ["X-Odd": "odd-value", "authorization": "secret://env/A", "accept": "a/b"],
        ]
        let shown = registry.shown(settings).text
        #expect(!shown.contains("secretpath") && !shown.contains("odd-value"))
        #expect(shown.contains("https://h.example/***") && shown.contains("secret://env/A") && shown.contains("a/b"))
        #expect(
            !registry.shown(["type": "postgres", "url": "postgresql://u:pw@h/d", "table": "t"]).text.contains("pw"))
        #expect(throws: ConnectorError.self) {
            try registry.check(["type": "http", "url": "https://h.example/x?api_key=12345"])
        }
        let made = try registry.make(
            ["type": "http", "url": "http://127.0.0.1:9/secretpath"], secrets: SecretResolver(), tools: lab.tools)
        #expect(made.location.hasPrefix("http:http://127.0.0.1:9/") && !made.location.contains("secretpath"))
    }

    @Test("Files lie below an allowed folder and nowhere else")
    func roots() throws {
        try FileManager.default.createSymbolicLink(atPath: lab.folder + "/roots/out", withDestinationPath: "/tmp")
        let roots = lab.tools.roots
        for path in [
            "/etc", lab.folder + "/roots/../x", lab.folder + "/rootsx", lab.folder + "/roots/out/y", "../x", "",
        ] {
            #expect(throws: ConnectorError.self, "\(path)") { try roots.resolve(path) }
        }
        #expect(try roots.resolve("a/b") == lab.folder + "/own/a/b")
        #expect(try roots.resolve(lab.folder + "/roots/a") == lab.folder + "/roots/a")
    }
}
