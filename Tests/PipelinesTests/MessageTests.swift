import Connectors
import Foundation
import Model
import Synchronization
import Testing

@testable import Destinations

/// Takes mails, or refuses them.
private final class FakeMail: MailSending {
    let state = Mutex<(taken: [MailMessage], failures: [OutboundFailure])>(([], []))

    func send(
        _ message: MailMessage?, by server: MailServer, sender: MailAddress, timeout: Duration
    ) async -> OutboundResult {
        state.withLock { state in
            if !state.failures.isEmpty { return OutboundResult(failure: state.failures.removeFirst()) }
            if let message { state.taken.append(message) }
            return OutboundResult(answer: OutboundAnswer(status: 250))
        }
    }
}

@Suite("What cannot be read back is sent once")
struct MessageTests {
    private let folder: String
    private let mail = FakeMail()

    init() throws {
        folder = NSTemporaryDirectory() + "sluice-messages-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func make(_ more: [JSONValue.Member] = [], base: String? = "https://s.example.com") throws
        -> any Destination
    {
        let settings: [JSONValue.Member] = [
            .init("type", "email"), .init("server", "mail.example.com"),
            .init("from", "Sluice <s@example.com>"),
            .init("to", "ann@example.com"),
        ]
        let tools = DestinationTools(
            http: FakeBucket(), policy: OutboundPolicy(), resolver: SystemResolver(),
            roots: FolderRoots(own: folder + "/own"), mail: mail, shelf: shelf(base), seconds: { 1_000 },
            warn: { _ in })
        return try DestinationRegistry.builtin.make(
            .object(settings + more), secrets: SecretResolver(), tools: tools)
    }

    private func shelf(_ base: String?) -> FileShelf {
        FileShelf(folder: folder + "/links", key: [UInt8](repeating: 7, count: 32), base: base)
    }

    private func batch(
        run: String = "r1", upTo to: Int64, rows: Int64? = nil, isIncremental: Bool = true
    ) throws -> LoadBatch {
        let path = folder + "/\(run).ndjson"
        let lines = (0..<(rows ?? to)).map { "{\"seq\":\($0),\"event\":\"a `b` <c>\\nd\"}\n" }.joined()
        try lines.write(toFile: path, atomically: true, encoding: .utf8)
        let digest = try #require(try FilePieces.digest(path))
        return LoadBatch(
            stream: LoadStream(pipeline: "p", installation: "i"), run: run, dataset: "events",
            isIncremental: isIncremental, seqFrom: 0, seqTo: to, mode: .append, key: [],
            columns: [LoadColumn("seq", "bigint"), LoadColumn("event", "text")], evolves: true,
            file: path,
            format: "ndjson", suffix: ".ndjson", rows: rows ?? to, bytes: digest.bytes,
            sha256: digest.sha256,
            manifest: ["parts": []])
    }

    private var taken: [MailMessage] { mail.state.withLock { $0.taken } }

    @Test("The same window is one mail, whichever run it is of; one that was refused is sent again")
    func once() async throws {
        let destination = try make()
        mail.state.withLock {
            $0.failures = [OutboundFailure(.reset, "broke off"), OutboundFailure(.refused, "550")]
        }
        for wanted in [true, false] {
            let error = await #expect(throws: ConnectorError.self) {
                try await destination.load(try batch(upTo: 3))
            }
            #expect(error?.isTransient == wanted)
        }
        for run in ["r1", "r1", "r2"] {
            let batch = try batch(run: run, upTo: 3)
            let receipt = try await destination.load(batch)
            #expect(receipt.rows == 3)
            #expect(try await destination.verify(batch, receipt).holds)
        }
        #expect(
            taken.count == 1
                && taken.first?.attachments.map(\.name) == ["p-0000000000000-0000000000003.ndjson"])
        // A report of everything may be wanted again, though nothing is new.
        for run in ["r3", "r4"] {
            _ = try await destination.load(try batch(run: run, upTo: 3, isIncremental: false))
        }
        #expect(taken.count == 3)
    }

    @Test("Where there are no rows there is no mail, unless it is asked for")
    func empty() async throws {
        let batch = try batch(upTo: 3, rows: 0)
        for (more, count) in [([], 0), ([JSONValue.Member("send_empty", true)], 1)] {
            let destination = try make(more)
            let receipt = try await destination.load(batch)
            #expect(try await destination.verify(batch, receipt).holds)
            #expect(taken.count == count)
        }
    }

    @Test("A large file is a link, which holds as it was signed until it expires")
    func link() async throws {
        _ = try await make([.init("attach_up_to", 0), .init("link_days", 1)]).load(try batch(upTo: 3))
        let text = try #require(taken.first?.text)
        #expect(taken.first?.attachments.isEmpty == true)
        let link = try #require(text.split(whereSeparator: \.isNewline).last.map(String.init))
        let id = try #require(
            link.split(separator: "/").last?.split(separator: "?").first.map(String.init))
        let signature = String(link.suffix(64))
        let shelf = shelf(nil)
        let found = try #require(
            shelf.find(id: id, expires: "87400", signature: signature, now: 87_399))
        #expect(found.name == "p-0000000000000-0000000000003.ndjson")
        #expect(try FilePieces.digest(found.path)?.sha256 == (try batch(upTo: 3)).sha256)
        let last = signature.hasSuffix("0") ? "1" : "0"
        for (expires, signature, now) in [
            ("87400", signature, Int64(87_400)), ("87401", signature, 1), ("087400", signature, 1),
            ("87400", signature.dropLast() + last, 1), ("87400", "", 1), ("", "", 1),
            ("87400", signature.uppercased() + "", 1),
        ] where signature != String(link.suffix(64)) || now != 1 || expires != "87400" {
            #expect(shelf.find(id: id, expires: expires, signature: String(signature), now: now) == nil)
        }
        shelf.clear(now: 87_400)
        #expect(shelf.find(id: id, expires: "87400", signature: signature, now: 1) == nil)
        let error = await #expect(throws: ConnectorError.self) {
            try await make([.init("attach_up_to", 0)], base: nil).load(try batch(upTo: 4))
        }
        #expect(error?.message.contains("--public-url") == true)
    }

    @Test("Rows are a table whose marks mean nothing")
    func table() throws {
        let table = try SlackDestination.table(try batch(upTo: 30), rows: 2)
        #expect(table == "seq  event\n0    a 'b' <c> d\n1    a 'b' <c> d\n… and 28 more")
    }

    @Test(
        "Columns have a sheet's letters",
        arguments: [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
    func letters(column: Int, letters: String) {
        #expect(SheetsDestination.letters(column) == letters)
    }
}
