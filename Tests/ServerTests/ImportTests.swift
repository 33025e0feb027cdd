import Foundation
import Model
import NIOHTTP1
import Testing

@Suite("Imports of other systems' exports")
struct ImportTests {
    private let kissmetrics = [
        #"{"_n":"visited site","_p":"anon","referrer":"Direct","_t":1700000000}"#,
        #"{"_p":"anon","_p2":"ann@e.com","_t":1700000010}"#,
        #"{"plan":"Pro","_n":"signed up","_p":"ann@e.com","seats":"12","_t":1700000060}"#,
        // A repeat, and a repeat with another property, which is stored alone.
        #"{"plan":"Pro","_n":"signed up","_p":"ann@e.com","seats":"12","_t":1700000060}"#,
        #"{"plan":"Pro","_n":"Signed Up","_p":"ann@e.com","city":"caf\303\251","_t":1700000060}"#,
        // Four values of one property in one second, as the export has them.
        #"{"_p":"bob","sku":"123","_t":1354670854}"#, #"{"_p":"bob","sku":"234","_t":1354670854}"#,
        #"{"_p":"bob","sku":"123","_t":1354670854}"#, "broken", #"{"_p":"bob","_t":5}"#,
    ]

    private let segment = [
        #"{"type":"track","userId":"u","event":"Bought","properties":{"n":1},"messageId":"m1","timestamp":"2020-01-02T03:04:05Z","receivedAt":"2020-01-02T03:04:06Z"}"#,
        #"{"type":"track","userId":"u","event":"Bought","properties":{"n":1},"messageId":"m1","timestamp":"2020-01-02T03:04:05Z"}"#,
        #"{"type":"identify","userId":"u","anonymousId":"x","traits":{"plan":"pro"},"timestamp":"2020-01-02T03:04:05Z"}"#,
        #"{"type":"identify","userId":"u","anonymousId":"null","traits":{"plan":"max"},"messageId":"m2","timestamp":"2020-01-02T03:04:06Z"}"#,
        #"{"type":"alias","userId":"u","previousId":"old","messageId":"m3","timestamp":"2020-01-02T03:04:07Z"}"#,
        #"{"type":"nothing"}"#,
    ]

    private func load(_ server: TestServer, _ format: String, _ lines: [String]) async throws -> JSONValue {
        let body = Array((lines.joined(separator: "\n") + "\n").utf8)
        let answer = try await server.send(.POST, "/v1/imports?format=\(format)", key: server.secretKey, body: body)
        return try JSONValue(text: String(answer.text.split(separator: "\n").last ?? "null"))
    }

    /// Loads lines, and checks how many rows there were, and how many were added, there already, and refused.
    @discardableResult
    private func load(
        _ server: TestServer, _ format: String, _ lines: [String], _ wanted: [Int64], line: Int = #line
    ) async throws -> JSONValue {
        let answer = try await load(server, format, lines)
        let found = ["rows", "accepted", "duplicates", "rejected"].map { answer[$0]?.intValue }
        #expect(found == wanted.map { Optional($0) }, "line \(line)")
        return answer
    }

    /// Checks that the same is stored as before.
    private func check(_ server: TestServer, _ before: [String], line: Int = #line) async throws {
        let now = try await stored(server)
        #expect(now == before, "line \(line)")
    }

    /// Everything that is stored, with the journal's memory and without it.
    private func stored(_ server: TestServer) async throws -> [String] {
        var all: [String] = []
        for dataset in ["events", "property_changes", "aliases"] {
            all.append(try await server.export(["dataset": .string(dataset), "format": "ndjson", "order": "seq"]).file)
        }
        all.append(try await server.send(.GET, "/v1/rejects", key: server.secretKey).text)
        return all
    }

    @Test func kissmetricsIsTakenOnce() async throws {
        try await DataFolder.with { folder in
            let before = try await folder.serve { server in
                let first = try await load(server, "kissmetrics", kissmetrics, [10, 6, 2, 2])
                #expect(first["rejects"]?.arrayValue?.map { $0["line"] } == [9, 10])
                let stored = try await stored(server)
                #expect(stored[0].split(separator: "\n").count == 2)
                #expect(stored[1].contains(#""name":"city","value":"café""#))
                #expect(stored[1].split(separator: "\n").count == 6)
                let ann = try await server.send(.GET, "/v1/people?identity=anon", key: server.secretKey).json
                #expect(ann["properties"]?.text == #"{"city":"café","plan":"Pro","referrer":"Direct","seats":12}"#)
                try await load(server, "kissmetrics", kissmetrics, [10, 0, 8, 2])
                // Another order, and files that overlap.
                try await load(server, "kissmetrics", kissmetrics.reversed(), [10, 0, 8, 2])
                let now = try await self.stored(server)
                #expect(now[..<3] == stored[..<3] && now[3] != stored[3], "rejects have other lines there")
                return now
            }
            // As after seven days: the journal knows nothing of it, and the store is asked.
            try FileManager.default.removeItem(atPath: folder.path + "/projects/default/journal")
            try await folder.serve { server in
                try await load(server, "kissmetrics", kissmetrics, [10, 0, 8, 2])
                try await check(server, before)
                // What is new is taken, and of a line that is known what is new in it.
                let more = [
                    #"{"_n":"visited site","_p":"anon","referrer":"Direct","_t":1700000001}"#,
                    #"{"_n":"visited site","_p":"anon","referrer":"Mail","_t":1700000000}"#,
                    #"{"_n":"visited site","_p":"anon","referrer":"Direct","_t":1700000000,"_nth":"2"}"#,
                    #"{"_p":"bob","sku":"234","size":"L","_t":1354670854}"#,
                    #"{"_p":"anon","_p2":"ann@e.com","_t":1700000011}"#,
                ]
                try await load(server, "kissmetrics", more, [5, 5, 0, 0])
                let now = try await stored(server)
                #expect(now[0].split(separator: "\n").count == 4)
                #expect(now[1].split(separator: "\n").count == 6 + 4)
                try await load(server, "kissmetrics", more, [5, 0, 5, 0])
            }
        }
    }

    @Test func segmentIsTakenOnce() async throws {
        try await DataFolder.with { folder in
            let before = try await folder.serve { server in
                let first = try await load(server, "segment", segment, [6, 4, 1, 2])
                #expect(first["rejects"]?.arrayValue?.map { $0["line"] } == [4, 6])
                let stored = try await stored(server)
                #expect(
                    stored[0].contains(
                        #""timestamp":"2020-01-02T03:04:05.000000Z","received_at":"2020-01-02T03:04:06.000000Z""#))
                #expect(stored[0].split(separator: "\n").count == 1 && stored[2].split(separator: "\n").count == 2)
                try await load(server, "segment", segment, [6, 0, 5, 2])
                try await check(server, stored)
                // An SDK that sends the same message again.
                let sent = try await server.send(
                    .POST, "/v1/track", key: server.writeKey, body: Array(segment[0].utf8))
                #expect(sent.status == 200)
                try await check(server, stored)
                return stored
            }
            try FileManager.default.removeItem(atPath: folder.path + "/projects/default/journal")
            try await folder.serve { server in
                try await load(server, "segment", segment, [6, 0, 5, 2])
                try await check(server, before)
            }
        }
    }

    /// Rows of other formats that set properties or tie identities are known without the journal, too.
    @Test func setsAndAliasesOfOtherFormatsAreTakenOnce() async throws {
        try await DataFolder.with { folder in
            let lines = [
                #"{"type":"set","identity":"a","properties":{"plan":"x","n":1.50},"timestamp":5}"#,
                #"{"type":"alias","identity":"a","other":"b","timestamp":5}"#,
                #"{"identity":"a","event":"E","timestamp":5}"#,
            ]
            let before = try await folder.serve { server in
                try await load(server, "ndjson", lines, [3, 3, 0, 0])
                return try await stored(server)
            }
            try FileManager.default.removeItem(atPath: folder.path + "/projects/default/journal")
            try await folder.serve { server in
                try await load(server, "ndjson", lines, [3, 0, 3, 0])
                try await check(server, before)
                let other = [#"{"type":"set","identity":"a","properties":{"plan":"x","n":2},"timestamp":5}"#]
                try await load(server, "ndjson", other, [1, 1, 0, 0])
            }
        }
    }

    @Test func whatHasNoMeaning() async throws {
        try await withServer { server in
            for query in ["format=kissmetrics&map=identity=u", "format=segment&timezone=UTC", "format=json"] {
                let answer = try await server.send(
                    .POST, "/v1/imports?\(query)", key: server.secretKey, body: Array("{}".utf8))
                #expect(answer.status == 400, "\(query)")
            }
        }
    }
}
