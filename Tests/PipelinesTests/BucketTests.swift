import Connectors
import Foundation
import Model
import Synchronization
import Testing

@testable import Destinations

@Suite("A bucket keeps the contract of destinations")
struct BucketTests {
    private let folder: String
    private let bucket = FakeBucket()

    init() throws {
        folder = NSTemporaryDirectory() + "sluice-bucket-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func make(_ more: [JSONValue.Member] = []) throws -> S3Destination {
        let settings: [JSONValue.Member] = [
            .init("endpoint", "http://127.0.0.1:9"), .init("bucket", "lake"), .init("prefix", "a b"),
            .init("access_key", "k"), .init("secret_key", "s"), .init("part_size", 5),
        ]
        let tools = DestinationTools(
            http: bucket, policy: OutboundPolicy(allowed: AddressRange("127.0.0.0/8").map { [$0] } ?? []),
            resolver: SystemResolver(), roots: FolderRoots(own: folder), warn: { _ in })
        return try S3Destination(
            Settings(.object(settings + more), fields: S3Destination.fields, secrets: SecretResolver()), tools,
            pauses: [.zero, .zero])
    }

    private func batch(run: String = "r1", after from: Int64 = 0, upTo to: Int64, bytes: Int = 100) throws -> LoadBatch
    {
        let path = folder + "/\(run).csv"
        // Different for each run, and the same each time.
        var state = run.utf8.reduce(UInt64(bytes)) { $0 &* 31 &+ UInt64($1) }
        let contents = (0..<bytes).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        try Data(contents).write(to: URL(fileURLWithPath: path))
        let digest = try #require(try FilePieces.digest(path))
        return LoadBatch(
            stream: LoadStream(pipeline: "p", installation: "i"), run: run, dataset: "events", isIncremental: true,
            seqFrom: from, seqTo: to, mode: .append, key: [], columns: [LoadColumn("seq", "bigint")], evolves: true,
            file: path, format: "csv", suffix: ".csv", rows: to - from, bytes: digest.bytes, sha256: digest.sha256,
            manifest: ["parts": [], "rows": JSONValue(to - from)])
    }

    private func tell(_ kind: String, _ statuses: [Int]) { bucket.state.withLock { $0.failures[kind] = statuses } }
    private var keys: [String] { bucket.state.withLock { $0.objects.keys.sorted() } }

    @Test("The same batch twice is there once, and windows follow one another over several pages")
    func twice() async throws {
        let destination = try make()
        try await destination.check()
        let stream = LoadStream(pipeline: "p", installation: "i")
        #expect(try await destination.position(stream) == .empty)
        for number in 0..<5 {
            let batch = try batch(run: "r\(number)", after: Int64(number) * 10, upTo: Int64(number) * 10 + 10)
            for attempt in 0..<2 {
                let receipt = try await destination.load(batch)
                #expect(receipt.wasThere == (attempt == 1) && receipt.rows == 10)
                #expect(try await destination.verify(batch, receipt).holds)
            }
        }
        #expect(try await destination.position(stream) == .upTo(50))
        #expect(try await destination.position(LoadStream(pipeline: "p", installation: "j")) == .empty)
        #expect(keys.count == 10 && keys[0] == "a b/p-0000000000000-0000000000010.csv")
    }

    @Test("A large file goes in parts of a bounded size, and is read back")
    func parts() async throws {
        let destination = try make()
        let batch = try batch(upTo: 3, bytes: (11 << 20) + 7)
        let receipt = try await destination.load(batch)
        #expect(try await destination.verify(batch, receipt).holds)
        bucket.state.withLock { state in
            #expect(state.largest == 5 << 20 && state.uploads.isEmpty)
            state.objects["a b/p-0000000000000-0000000000003.csv"]?[6 << 20] ^= 1
        }
        #expect(try await destination.verify(batch, receipt).holds == false)
    }

    @Test("A part that fails is sent again; one that goes on failing leaves nothing")
    func partly() async throws {
        let destination = try make()
        let batch = try batch(upTo: 3, bytes: 11 << 20)
        tell("PUT part", [503, 0, 503])
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(error?.isTransient == true)
        bucket.state.withLock { #expect($0.uploads.isEmpty && $0.objects.isEmpty) }
        tell("PUT part", [503, 0])
        #expect(try await destination.load(batch).rows == 3)
        #expect(keys.count == 2)
    }

    @Test("An upload that a killed server left is thrown away")
    func abandoned() async throws {
        bucket.state.withLock { $0.uploads["old"] = ("a b/p-0000000000000-0000000000003.csv", [:]) }
        _ = try await make().load(try batch(upTo: 3, bytes: 6 << 20))
        bucket.state.withLock { #expect($0.uploads.isEmpty) }
    }

    @Test("Answers that are lost change nothing")
    func lost() async throws {
        let destination = try make()
        let batch = try batch(upTo: 3, bytes: 6 << 20)
        tell("POST complete", [0])
        _ = try await destination.load(batch)
        bucket.state.withLock { $0.objects = [:] }
        // The manifest arrived: the second request finds it there, and the next attempt finds its own.
        tell("PUT manifest", [0])
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(error?.isTransient == true)
        #expect(try await destination.load(batch).wasThere)
    }

    @Test("A wrong key is refused at once")
    func refused() async throws {
        tell("PUT file", [403])
        let error = await #expect(throws: ConnectorError.self) { try await make().load(try batch(upTo: 3)) }
        #expect(error?.isTransient == false && error?.message.contains("as told") == true)
        #expect(keys.isEmpty)
    }

    @Test("A window with other columns takes the place of the old one, and a foreign one is left alone")
    func changed() async throws {
        let destination = try make()
        _ = try await destination.load(try batch(upTo: 3))
        var other = try batch(run: "r2", upTo: 3, bytes: 50)
        let receipt = try await destination.load(other)
        #expect(!receipt.wasThere)
        #expect(try await destination.verify(other, receipt).holds)
        other.stream = LoadStream(pipeline: "p", installation: "j")
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(other) }
        #expect(error?.isTransient == false)
    }

    @Test("What is plain text needs to be allowed, but for this machine")
    func plainText() throws {
        let settings: JSONValue = [
            "type": "s3", "endpoint": "http://10.1.2.3:9000", "bucket": "lake", "access_key": "k", "secret_key": "s",
        ]
        let tools = DestinationTools(
            http: bucket, policy: OutboundPolicy(allowed: AddressRange("10.0.0.0/8").map { [$0] } ?? []),
            resolver: SystemResolver(), roots: FolderRoots(own: folder), warn: { _ in })
        let error = #expect(throws: ConnectorError.self) {
            try DestinationRegistry.builtin.make(settings, secrets: SecretResolver(), tools: tools)
        }
        #expect(error?.message.contains("allow_plaintext") == true)
        #expect(throws: ConnectorError.self) { try DestinationRegistry.builtin.check(settings) }
    }
}
