import Codecs
import Model
import NIOHTTP1
import Server
import Testing

@Suite("Events come in by every protocol and go out as files")
struct CollectionTests {
    @Test("Three protocols and their aliases end in one export")
    func allProtocols() async throws {
        try await withServer { server in
            let native = try await server.collect([
                ["id": "a", "identity": "ann", "event": "Signed Up", "properties": ["plan": "pro"]],
                ["identity": "", "event": "Broken"],
                ["type": "set", "identity": "ann", "properties": ["email": "a@b.c"]],
                ["type": "alias", "identity": "ann", "other": "anon-1"],
            ])
            #expect(native.status == 200)
            #expect(native.json["accepted"] == 3)
            #expect(native.json["rejected"]?.arrayValue?.first?["index"] == 1)
            #expect(native.json["watermark"] == 4)

            let gif = try await server.send(.GET, "/e?_k=\(server.writeKey)&_p=bob&_n=Bought&amount=12")
            #expect(gif.status == 200)
            #expect(gif.body.count == 43)
            #expect(gif.headers.first(name: "Content-Type") == "image/gif")
            #expect(gif.headers.first(name: "Cache-Control") == "no-store")
            let form = Array("_k=\(server.writeKey)&_p=bob&_n=Paid&_t=1700000000&_d=1".utf8)
            #expect(try await server.send(.POST, "/e", body: form).body.count == 43)

            let segment: JSONValue = [
                "writeKey": .string(server.writeKey),
                "batch": [["type": "track", "userId": "u1", "event": "Clicked", "messageId": "m-1"]],
            ]
            let batch = try await server.send(.POST, "/v1/batch", body: Array(segment.text.utf8))
            #expect(batch.json["success"] == true)

            let (run, file) = try await server.export([
                "dataset": "events", "columns": ["identity", "event"], "order": "seq",
            ])
            #expect(run["status"] == "succeeded")
            #expect(file == "identity,event\r\nann,Signed Up\r\nbob,Bought\r\nbob,Paid\r\nu1,Clicked\r\n")

            let person = try await server.send(.GET, "/v1/people?identity=anon-1", key: server.secretKey)
            #expect(person.json["identities"] == ["ann", "anon-1"])
            #expect(person.json["properties"]?["email"] == "a@b.c")
            let rejects = try await server.send(.GET, "/v1/rejects", key: server.secretKey)
            #expect(rejects.rows.count == 1)
            #expect(rejects.rows.first?["protocol"] == "native")
        }
    }

    @Test("An id that was sent before is a duplicate, and the watermark is that of the original")
    func duplicates() async throws {
        try await withServer { server in
            let first = try await server.collect([["id": "x", "identity": "ann", "event": "E"]])
            try await server.collect([["id": "y", "identity": "ann", "event": "E"]])
            let again = try await server.collect([["id": "x", "identity": "ann", "event": "E"]])
            #expect(first.json["watermark"] == 1)
            #expect(again.json == ["accepted": 0, "duplicates": 1, "rejected": [], "watermark": 1])
            let nothing = try await server.collect([])
            #expect(nothing.json["watermark"] == 2)
        }
    }

    @Test("In NDJSON a broken line is the reject of that line, and blank lines count")
    func ndjson() async throws {
        try await withServer { server in
            let body = "{\"identity\":\"a\",\"event\":\"E\"}\n\nnot json\n{\"identity\":\"b\",\"event\":\"E\"}\n"
            let answer = try await server.send(
                .POST, "/v1/events", key: server.writeKey, headers: [("Content-Type", "application/x-ndjson")],
                body: Array(body.utf8))
            #expect(answer.status == 200)
            #expect(answer.json["accepted"] == 2)
            #expect(answer.json["rejected"]?.arrayValue?.map { $0["index"] } == [2])
        }
    }

    @Test("Packed bodies are unpacked", arguments: [Compression.gzip, .zstd])
    func packed(_ compression: Compression) async throws {
        try await withServer { server in
            let plain = Array(#"{"events":[{"identity":"ann","event":"E"}]}"#.utf8)
            let answer = try await server.send(
                .POST, "/v1/events", key: server.writeKey, headers: [("Content-Encoding", compression.rawValue)],
                body: try pack(plain, compression))
            #expect(answer.json["accepted"] == 1)
            let broken = try await server.send(
                .POST, "/v1/events", key: server.writeKey, headers: [("Content-Encoding", compression.rawValue)],
                body: plain)
            #expect(broken.status == 400)
            #expect(broken.json["code"] == "bad_encoding")
        }
    }

    @Test("Bodies over the limits are 413, as sent and unpacked, and nothing of them is stored")
    func limits() async throws {
        try await withServer { server in
            let large = [UInt8](repeating: 0x20, count: (1 << 20) + 1)
            let sent = try await server.send(.POST, "/v1/events", key: server.writeKey, body: large)
            #expect(sent.status == 413)
            let bomb = try pack([UInt8](repeating: 0x20, count: (16 << 20) + 1), .gzip)
            let unpacked = try await server.send(
                .POST, "/v1/events", key: server.writeKey, headers: [("Content-Encoding", "gzip")], body: bomb)
            #expect(unpacked.status == 413)
            #expect(unpacked.headers.first(name: "Content-Type") == "application/problem+json")
            let odd = try await server.send(
                .POST, "/v1/events", key: server.writeKey, headers: [("Content-Encoding", "br")], body: [0x7b])
            #expect(odd.status == 415)
            #expect(try await server.collect([]).json["watermark"] == 0)
        }
    }

    @Test("Broken JSON is 400 with the place, and nothing is stored")
    func brokenJSON() async throws {
        try await withServer { server in
            let body = Array(#"{"events":[{"identity":"a","event":"E"},]}"#.utf8)
            let answer = try await server.send(.POST, "/v1/events", key: server.writeKey, body: body)
            #expect(answer.status == 400)
            #expect(answer.json["offset"] == 40)
            #expect(try await server.collect([]).json["watermark"] == 0)
        }
    }

    @Test("KISSmetrics gets its GIF whatever it sends, and an unknown key is counted and not stored")
    func kissmetricsVerdicts() async throws {
        try await withServer { server in
            for path in ["/e", "/e?_k=wk_nobody&_p=a&_n=E", "/s?_p=a", "/a?_k=", "/e?_k=\(server.writeKey)"] {
                let answer = try await server.send(.GET, path)
                #expect(answer.status == 200 && answer.body.count == 43, "\(path)")
            }
            #expect(try await server.send(.HEAD, "/e?_k=\(server.writeKey)&_p=a&_n=E").status == 200)
            let status = try await server.send(.GET, "/v1/status", key: server.secretKey)
            #expect(status.json["unknown_keys"]?["count"] == 4)
            // Only the call with the right key is kept: as a reject, since it names nobody.
            #expect(try await server.send(.GET, "/v1/rejects", key: server.secretKey).rows.count == 1)
            #expect(try await server.send(.GET, "/v1/events/names", key: server.secretKey).rows.isEmpty)
        }
    }

    @Test("A KISSmetrics body that cannot be read gets its GIF, too, and is a reject if the key is known")
    func kissmetricsBodies() async throws {
        try await withServer { (server) async throws in
            let large = [UInt8](repeating: 0x61, count: (1 << 20) + 1)
            let bodies: [(coding: String, bytes: [UInt8])] = [("identity", large), ("br", [0x61]), ("gzip", [0x61])]
            for (coding, bytes) in bodies {
                // Without the key in the query it may have been in the body: nobody knows.
                for path in ["/e?_k=\(server.writeKey)&_p=ann", "/e?_p=ann"] {
                    let answer = try await server.send(
                        .POST, path, headers: [("Content-Encoding", coding)], body: bytes)
                    #expect(answer.status == 200 && answer.body.count == 43, "\(coding) at \(path)")
                }
            }
            let rejects = try await server.send(.GET, "/v1/rejects", key: server.secretKey)
            #expect(rejects.rows.map { $0["raw"] } == ["/e?_p=ann", "/e?_p=ann", "/e?_p=ann"])
            #expect(rejects.rows.allSatisfy { $0["protocol"] == "kissmetrics" && $0["reason"] != "" })
            let status = try await server.send(.GET, "/v1/status", key: server.secretKey)
            #expect(status.json["unknown_keys"]?["count"] == 3)
        }
    }

    @Test("Of a secret key in a page the status shows the end and no more")
    func secretInAPage() async throws {
        try await withServer { (server) async throws in
            let key = "sk_" + String(repeating: "a", count: 36) + "wxyz"
            #expect(try await server.send(.GET, "/e?_k=\(key)&_p=ann&_n=E").status == 200)
            let status = try await server.send(.GET, "/v1/status", key: server.secretKey)
            let latest = status.json["unknown_keys"]?["latest"]?.arrayValue ?? []
            #expect(latest.map { $0["key"] } == ["sk_…wxyz"])
            #expect(!status.text.contains("aaaa"))
        }
    }

    @Test("A document that asks for something has at most 1 MiB unpacked", arguments: ["/v1/exports", "/v1/projects"])
    func largeDocuments(path: String) async throws {
        try await withServer { (server) async throws in
            let bomb = try pack([UInt8](repeating: 0x20, count: (1 << 20) + 1), .gzip)
            let answer = try await server.send(
                .POST, path, key: server.secretKey, headers: [("Content-Encoding", "gzip")], body: bomb)
            #expect(answer.status == 413, "\(answer.text)")
        }
    }

    @Test("A full journal is 503 with Retry-After, without a GIF, and nothing is stored")
    func full() async throws {
        // No follower may be behind by any byte, not even by none.
        try await withServer({ $0.backlogBytes = -1 }) { server in
            let native = try await server.collect([["identity": "a", "event": "E"]])
            #expect(native.status == 503)
            #expect(native.headers.first(name: "Retry-After") == "5")
            #expect(native.json["code"] == "journal_backlogFull")
            let pixel = try await server.send(.GET, "/e?_k=\(server.writeKey)&_p=a&_n=E")
            #expect(pixel.status == 503)
            #expect(pixel.headers.first(name: "Content-Type") == "application/problem+json")
            let status = try await server.send(.GET, "/v1/status", key: server.secretKey)
            #expect(status.json["projects"]?.arrayValue?.first?["durable_seq"] == 0)
        }
    }

    @Test("Browsers of any site may send events, and read nothing")
    func cors() async throws {
        try await withServer { server in
            let preflight = try await server.send(
                .OPTIONS, "/v1/events", headers: [("Access-Control-Request-Headers", "x-sdk, authorization")])
            #expect(preflight.status == 204)
            #expect(preflight.headers.first(name: "Access-Control-Allow-Origin") == "*")
            #expect(preflight.headers.first(name: "Access-Control-Allow-Headers") == "x-sdk, authorization")
            #expect(preflight.headers.first(name: "Access-Control-Allow-Methods")?.contains("POST") == true)
            let refused = try await server.send(.POST, "/v1/events", body: [])
            #expect(refused.status == 401)
            #expect(refused.headers.first(name: "Access-Control-Allow-Origin") == "*")
            let read = try await server.send(.OPTIONS, "/v1/people")
            #expect(read.headers.first(name: "Access-Control-Allow-Origin") == nil)
        }
    }

    @Test("An import answers with its counts, and the same file again adds nothing")
    func imports() async throws {
        try await withServer { server in
            let csv = Array(
                "user,at,amount\nann,2026-01-02,5\nann,2026-01-02,5\nzed,2026-01-03,x\n,2026-01-01,1\n".utf8)
            let path = "/v1/imports?format=csv&map=identity=user,timestamp=at,event:Purchased"
            let first = try await server.send(.POST, path, key: server.secretKey, body: csv)
            let last = try JSONValue(text: String(first.text.split(separator: "\n").last ?? ""))
            #expect(last["done"] == true)
            #expect(last["accepted"] == 3)
            #expect(last["rejects"]?.arrayValue?.map { $0["line"] } == [5])
            let packed = try pack(csv, .gzip)
            let again = try await server.send(
                .POST, path, key: server.secretKey, headers: [("Content-Encoding", "gzip")], body: packed)
            let repeated = try JSONValue(text: String(again.text.split(separator: "\n").last ?? ""))
            #expect(repeated["accepted"] == 0)
            #expect(repeated["duplicates"] == 3)
            #expect(repeated["watermark"] == last["watermark"])
            let wrong = try await server.send(
                .POST, "/v1/imports?format=csv&map=identity=nobody", key: server.secretKey, body: csv)
            #expect(wrong.status == 400)
            #expect(
                try await server.send(.GET, "/v1/imports", key: server.secretKey).rows.map { $0["status"] }
                    == ["failed", "succeeded", "succeeded"])
        }
    }
}

/// Packs a body.
func pack(_ bytes: [UInt8], _ compression: Compression) throws -> [UInt8] {
    let compressor = try Compressor(compression)
    var out: [UInt8] = []
    try compressor.write(bytes.span, to: &out)
    try compressor.finish(to: &out)
    return out
}
