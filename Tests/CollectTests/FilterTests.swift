import Journal
import Model
import Testing

@testable import Collect

/// A filter that knows its identities, and whose marks are plain hashes.
private struct Erased: IdentityFilter {
    let identities: Set<[UInt8]>
    init(_ texts: String...) { identities = Set(texts.map { Array($0.utf8) }) }
    func contains(_ identity: Span<UInt8>) -> Bool { identities.contains(Array(copying: identity)) }
    func mark(of text: Span<UInt8>) -> Hash128 { Hash128(text, seed: 42) }
}

@Suite("Identities that were erased are refused")
struct FilterTests {
    private let time = Timestamp(microseconds: 1_700_000_000_000_000)
    private let ids = IDGenerator(seed: 1)

    private func items(_ submission: Submission) -> [Item] {
        (0..<submission.count).map { submission.withItem($0) { Item($0, in: $1) } }
    }

    private func native(_ lines: String...) throws -> ParsedRequest {
        try NativeRequest.parse(
            ndjson: Array(lines.joined(separator: "\n").utf8), receivedAt: time, ids: ids)
    }

    @Test("Events, sets and both sides of aliases; what is theirs is not kept, and others' stays as it is")
    func native() throws {
        let parsed = try native(
            #"{"identity":"ann","event":"Seen"}"#, #"{"identity":"eve","event":"Seen","properties":{"a":"secret"}}"#,
            #"{"type":"set","identity":"eve","properties":{"a":"secret"}}"#,
            #"{"type":"alias","identity":"ann","other":"eve"}"#, #"{"type":"alias","identity":"eve","other":"bob"}"#,
            #"{"identity":"evening","event":"eve","properties":{"friend":"eve"}}"#)
        let kept = parsed.filtered(by: Erased("eve"))
        let reason = "this identity was erased and is refused"
        #expect(kept.outcomes.map(\.rejection) == [nil, reason, reason, reason, reason, nil])
        #expect(kept.outcomes.map(\.item) == [0, 1, 2, 3, 4, 5] && kept.outcomes.map(\.index) == [0, 1, 2, 3, 4, 5])
        #expect(kept.rejectCount == 4)
        let (before, after) = (items(parsed.submission), items(kept.submission))
        #expect(after[0] == before[0] && after[5] == before[5])
        for item in after[1...4] {
            #expect(item.kind == .reject && item.name == Array(reason.utf8) && item.properties.isEmpty)
            #expect(item.identity.isEmpty && item.other.isEmpty && item.id.isEmpty && item.dedupID == .none)
        }
        #expect(parsed.filtered(by: Erased("nobody")).submission.bytes == parsed.submission.bytes)
    }

    @Test("A reject for another reason is kept without the text that names them")
    func rejects() throws {
        let parsed = try native(
            #"{"identity":"eve","event":""}"#, #"{"identity":"eve","event":"#, #"{"identity":"evening","event":""}"#)
        let kept = parsed.filtered(by: Erased("eve"))
        let after = items(kept.submission)
        #expect(kept.outcomes == parsed.outcomes && kept.rejectCount == 3)
        #expect(after.map(\.name) == items(parsed.submission).map(\.name))
        #expect(after[0].properties.isEmpty && after[1].properties.isEmpty && !after[2].properties.isEmpty)
        let call = KissmetricsRequest.parse(
            path: "/e", query: Array("_k=1&_p=eve%40x.io&_n=".utf8), receivedAt: time, ids: ids)
        let raw = items(call.filtered(by: Erased("eve@x.io")).submission)[0]
        #expect(raw.properties.isEmpty && !items(call.submission)[0].properties.isEmpty)
    }

    @Test("A KISSmetrics call goes with the parts of its properties")
    func parts() throws {
        func call(_ identity: String) -> ParsedRequest {
            KissmetricsRequest.parse(
                path: "/e", query: Array("_p=\(identity)&_n=Seen&_t=1&a=secret&b=2".utf8), receivedAt: time, ids: ids)
        }
        let refused = call("eve").filtered(by: Erased("eve"))
        #expect(items(refused.submission).map(\.kind) == [.reject])
        #expect(refused.submission.items[0].dedupID == .none)
        // Another's call beside it keeps its parts, byte by byte.
        var both = call("eve")
        both.copy(0, of: call("ann"))
        both.note(index: 1, rejection: nil)
        var one = Submission()
        one.add(0, of: call("ann").submission)
        #expect(one.items[0].dedupID == call("ann").submission.items[0].dedupID)
    }

    @Test("What a Segment identify ties goes with it, or alone")
    func segment() throws {
        let body = #"{"userId":"ann","anonymousId":"anon-1","traits":{"a":1},"messageId":"m"}"#
        let parsed = try SegmentRequest.parse(
            path: "/v1/identify", body: Array(body.utf8), receivedAt: time, ids: ids)
        #expect(items(parsed.submission).map(\.kind) == [.set, .alias])
        let user = parsed.filtered(by: Erased("ann"))
        #expect(items(user.submission).map(\.kind) == [.reject] && user.rejectCount == 1)
        let anonymous = parsed.filtered(by: Erased("anon-1"))
        #expect(items(anonymous.submission).map(\.kind) == [.set, .reject])
        #expect(anonymous.outcomes.map(\.rejection) == [nil] && anonymous.rejectCount == 1)
        #expect(items(anonymous.submission)[1].properties.isEmpty)
    }

    @Test("Rows of an import become rejects that are the same when the file is sent again, and keep nothing")
    func imports() throws {
        func batch(at time: Timestamp) throws -> ImportBatch {
            let text = """
                {"identity":"ann","event":"Seen"}
                {"identity":"eve","event":"Seen"}
                {"identity":"eve","event":""}
                {"identity":"eve","event":"Other"}
                """
            var reader = ImportReader(format: .ndjson, receivedAt: time, ids: ids)
            return try ImportBatch(rows: (reader.read(Array(text.utf8)) + reader.finish()).flatMap(\.rows))
        }
        let kept = try batch(at: time).filtered(by: Erased("eve"))
        #expect(kept.rows.map { $0.rejection == nil } == [true, false, false, false])
        #expect(kept.rows[1].rejection == "this identity was erased and is refused")
        #expect(String(decoding: kept.rows[1].item.name, as: UTF8.self).hasPrefix("line 2: "))
        for row in kept.rows[1...] {
            #expect(row.item.kind == .reject && row.item.properties.isEmpty && row.item.identity.isEmpty)
        }
        let again = try batch(at: Timestamp(microseconds: time.microseconds + 5)).filtered(by: Erased("eve"))
        #expect(again.rows.map(\.item.dedupID) == kept.rows.map(\.item.dedupID))
        #expect(Set(kept.rows.map(\.item.dedupID)).count == 4)
    }
}
