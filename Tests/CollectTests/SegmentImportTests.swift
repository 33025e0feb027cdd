import Collect
import Journal
import Model
import Testing

@Suite("An archive of Segment messages is read like what its SDKs send")
struct SegmentImportTests {
    private func read(_ lines: String..., chunk: Int = 100) throws -> [ImportRow] {
        var reader = ImportReader(format: .segment, receivedAt: receivedAt, ids: IDGenerator(seed: 4))
        let file = Array(lines.joined(separator: "\n").utf8)
        var batches: [ImportBatch] = []
        for start in stride(from: 0, to: file.count, by: chunk) {
            batches += try reader.read(Array(file[start..<min(start + chunk, file.count)]))
        }
        return try (batches + reader.finish()).flatMap(\.rows)
    }

    /// What an SDK's message becomes, its archive's line becomes, too: the same items, found by the same ids.
    @Test(arguments: [
        #"{"type":"track","userId":"u","event":"Bought","properties":{"a":{"b":[1]}},"messageId":"m","timestamp":"2026-01-02T03:04:05Z"}"#,
        #"{"type":"identify","userId":"u","anonymousId":"x","traits":{"plan":"pro"},"messageId":"m","timestamp":5}"#,
        #"{"type":"page","userId":"u","name":"Home","properties":{"path":"/"},"messageId":"m","originalTimestamp":5}"#,
        #"{"type":"screen","anonymousId":"x","name":"Main","messageId":"m","timestamp":5}"#,
        #"{"type":"group","userId":"u","groupId":"g","traits":{"name":"I"},"messageId":"m","timestamp":5}"#,
        #"{"type":"alias","userId":"u","previousId":"x","messageId":"m","timestamp":5}"#,
    ])
    func sameAsFromAnSDK(_ message: String) throws {
        let sent = try SegmentRequest.parse(
            path: "/v1/batch", body: Array("{\"batch\":[\(message)]}".utf8), receivedAt: receivedAt,
            ids: IDGenerator(seed: 1))
        var wanted = try #require(decoded(sent.submission))
        for place in wanted.indices { wanted[place].wire = .importFile }
        let row = try read(message)[0]
        #expect(row.rejection == nil)
        #expect([row.item] + row.more == wanted)
    }

    @Test func timesOfReceipt() throws {
        let rows = try read(
            #"{"type":"track","userId":"u","event":"E","messageId":"1","receivedAt":"2020-01-02T03:04:05.678Z","timestamp":"2020-01-01T00:00:00Z"}"#,
            #"{"type":"track","userId":"u","event":"E","messageId":"2","receivedAt":"2020-01-02T03:04:05Z"}"#,
            #"{"type":"track","userId":"u","event":"E","messageId":"3"}"#,
            #"{"type":"track","userId":"u","event":"E","messageId":"4","receivedAt":"then"}"#)
        #expect(
            rows.map { $0.item.receivedAt.text } == [
                "2020-01-02T03:04:05.678000Z", "2020-01-02T03:04:05.000000Z", receivedText, receivedText,
            ])
        // Without a time of its own, a message is of when it was received.
        #expect(rows[0].item.timestamp.text == "2020-01-01T00:00:00.000000Z")
        #expect(rows[1].item.timestamp == rows[1].item.receivedAt)
        #expect(rows[3].rejection?.hasPrefix("receivedAt cannot be read") == true)
        // A sender's own word for when it was received does not count.
        let sent = try SegmentRequest.parse(
            path: "/v1/track", body: Array(#"{"userId":"u","event":"E","receivedAt":"2020-01-02T03:04:05Z"}"#.utf8),
            receivedAt: receivedAt, ids: IDGenerator(seed: 1))
        #expect(decoded(sent.submission)?.first?.receivedAt == receivedAt)
    }

    @Test func messagesWithoutAnIdAreFoundAgain() throws {
        let lines = [
            #"{"type":"track","userId":"u","event":"E","timestamp":5}"#,
            #"{"type":"track","userId":"u","event":"E","timestamp":5}"#,
            #"{"type":"identify","userId":"u","anonymousId":"x","traits":{"a":1},"timestamp":5}"#,
        ]
        let rows = try read(lines[0], lines[1], lines[2])
        #expect(try read(lines[0], lines[1], lines[2], chunk: 1) == rows)
        #expect(rows[0].item.dedupID != rows[1].item.dedupID)
        #expect(rows[2].more.map(\.kind) == [.alias])
        let ids = rows.flatMap { [$0.item.dedupID] + $0.more.map(\.dedupID) }
        #expect(Set(ids).count == 4 && !ids.contains(.none))
    }

    @Test func refusals() throws {
        let rows = try read(
            "", #"{"type":"delete","userId":"u"}"#, #"{"userId":"u","event":"E"}"#, #"{"batch":[]}"#, "{", "[]", "5",
            #"{"type":"track","event":"E"}"#, #"{"type":"track","userId":"u"}"#,
            #"{"type":"track","userId":"u","event":"E"} x"#,
            #"{"type":"identify","userId":"u","anonymousId":"null","traits":{"a":1}}"#)
        #expect(rows.map(\.line) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
        #expect(rows.prefix(9).allSatisfy { $0.rejection?.isEmpty == false && $0.item.kind == .reject })
        // The traits are taken; that the ids are not tied is a reject of its own.
        #expect(rows[9].rejection == nil && rows[9].more.map(\.kind) == [.reject])
        let long = String(repeating: "x", count: 70_000)
        let rejected = try read(#"{"type":"track","userId":"u","event":"E","properties":{"x":"\#(long)"}}"#)
        #expect(rejected[0].rejection?.contains("65536") == true)
    }
}
