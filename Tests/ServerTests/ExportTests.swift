import Control
import Glibc
import Model
import NIOHTTP1
import Server
import Testing

@Suite("Exports are asked for, watched and fetched")
struct ExportRouteTests {
    private static let spec: JSONValue = ["dataset": "events", "columns": ["identity", "event"], "order": "seq"]

    @Test("The same Idempotency-Key gives the same export; with another body it is 422")
    func idempotency() async throws {
        try await withServer { server in
            let headers = [("Idempotency-Key", "k-1")]
            let body = Array(Self.spec.text.utf8)
            let first = try await server.send(.POST, "/v1/exports", key: server.secretKey, headers: headers, body: body)
            let again = try await server.send(.POST, "/v1/exports", key: server.secretKey, headers: headers, body: body)
            #expect(first.status == 202)
            #expect(first.json["status"] == "queued")
            #expect(again.status == 202 && again.json == first.json)
            let other = Array(#"{"dataset":"people"}"#.utf8)
            let mismatch = try await server.send(
                .POST, "/v1/exports", key: server.secretKey, headers: headers, body: other)
            #expect(mismatch.status == 422)
            // A refused request gives its key back.
            let bad = [("Idempotency-Key", "k-2")]
            let zone = Array(#"{"dataset":"events","from":"2026-01-01","timezone":"Nowhere/Land"}"#.utf8)
            #expect(
                try await server.send(.POST, "/v1/exports", key: server.secretKey, headers: bad, body: zone).status
                    == 400)
            #expect(
                try await server.send(.POST, "/v1/exports", key: server.secretKey, headers: bad, body: other).status
                    == 202)
            #expect(try await server.send(.GET, "/v1/exports", key: server.secretKey).rows.count == 2)
        }
    }

    @Test("Files come whole, in ranges, or not again if they are known")
    func files() async throws {
        try await withServer { server in
            try await server.collect([["identity": "ann", "event": "E"]])
            let (run, file) = try await server.export(Self.spec)
            let path = "/v1/exports/\(run["id"]?.stringValue ?? "")/file"
            let whole = try await server.send(.GET, path, key: server.secretKey)
            let tag = whole.headers.first(name: "ETag") ?? ""
            #expect(tag == "\"\(run["manifest"]?["parts"]?.arrayValue?.first?["sha256"]?.stringValue ?? "")\"")
            #expect(whole.headers.first(name: "Content-Type") == "text/csv; charset=utf-8")
            #expect(whole.headers.first(name: "Content-Disposition") == "attachment; filename=\"events.csv\"")
            let known = try await server.send(.GET, path, key: server.secretKey, headers: [("If-None-Match", tag)])
            #expect(known.status == 304 && known.body.isEmpty)
            for (range, expected) in [
                ("bytes=0-7", String(file.prefix(8))),
                ("bytes=-3", String(file.utf8.suffix(3).map { Character(.init($0)) })),
                ("bytes=9-", String(decoding: file.utf8.dropFirst(9), as: UTF8.self)),
            ] {
                let part = try await server.send(.GET, path, key: server.secretKey, headers: [("Range", range)])
                #expect(part.status == 206 && part.text == expected, "\(range)")
            }
            let beyond = try await server.send(.GET, path, key: server.secretKey, headers: [("Range", "bytes=9999-")])
            #expect(beyond.status == 416)
            let changed = try await server.send(
                .GET, path, key: server.secretKey, headers: [("Range", "bytes=0-1"), ("If-Range", "\"other\"")])
            #expect(changed.status == 200 && changed.text == file)
            let parts = try await server.send(.GET, path + "?part=2", key: server.secretKey)
            #expect(parts.status == 400)
        }
    }

    @Test("Encrypted files have their ending and no type, and a secret is not taken for a recipient")
    func encrypted() async throws {
        try await withServer { server in
            try await server.collect([["identity": "ann", "event": "E"]])
            let recipient = "age1vl6rrrjvzqg59dq3aemws3j222cjzuyk4em38kuc74262yrgqa2qffg407"
            let spec: JSONValue = ["dataset": "events", "compression": "gzip", "encrypt": [.string(recipient)]]
            let (run, _) = try await server.export(spec)
            #expect(run["spec"]?["encrypt"] == [.string(recipient)])
            #expect(run["manifest"]?["encryption"] == ["scheme": "age", "recipients": [.string(recipient)]])
            let path = "/v1/exports/\(run["id"]?.stringValue ?? "")/file"
            let whole = try await server.send(.GET, path, key: server.secretKey)
            #expect(whole.headers.first(name: "Content-Type") == "application/octet-stream")
            #expect(
                whole.headers.first(name: "Content-Disposition") == "attachment; filename=\"events.csv.gz.age\"")
            #expect(whole.body.starts(with: Array("age-encryption.org/v1\n-> X25519 ".utf8)))
            let secret = "AGE-SECRET-KEY-1672ERWKZ23M8GJWYUCS6PMCKJ9W5DG0LMY3UJ0QHAZ6QY5RA6P4S2Z9QUH"
            let wrong: JSONValue = ["dataset": "events", "encrypt": [.string(secret)]]
            let refused = try await server.send(
                .POST, "/v1/exports", key: server.secretKey, body: Array(wrong.text.utf8))
            #expect(refused.status == 400)
            #expect(refused.text.contains("encrypt[0]: that is a secret identity"))
            #expect(!refused.text.contains("672ERWKZ"))
        }
    }

    @Test("A result survives a restart, and what was interrupted runs again at the same watermark")
    func restart() async throws {
        try await DataFolder.with { folder in
            let (id, text) = try await folder.serve { server in
                try await server.collect([["identity": "ann", "event": "E"]])
                let (run, file) = try await server.export(Self.spec)
                return (run["id"]?.stringValue ?? "", file)
            }
            // A run that a killed server left: started, pinned to the first item, without an end.
            let control = try ControlStore(directory: folder.path)
            let finished = try await control.export(id, project: "default")
            let resolved = try #require(finished?.resolved)
            let cut = try await control.createExport(project: "default", spec: Self.spec.text, resolved: resolved)
            #expect(try await control.startExport(cut.id))
            try control.close()
            try await folder.serve { server in
                try await server.collect([["identity": "zed", "event": "Later"]])
                let kept = try await server.send(.GET, "/v1/exports/\(id)/file", key: server.secretKey)
                #expect(kept.text == text)
                let run = try await server.finished(cut.id)
                #expect(run["status"] == "succeeded")
                #expect(run["manifest"]?["as_of_seq"] == 1)
                let again = try await server.send(.GET, "/v1/exports/\(cut.id)/file", key: server.secretKey)
                #expect(again.text == text)
            }
        }
    }

    @Test("DELETE removes a finished export with its files")
    func remove() async throws {
        try await withServer { server in
            let (run, _) = try await server.export(Self.spec)
            let id = run["id"]?.stringValue ?? ""
            let folder = server.directory + "/projects/default/exports/" + id
            #expect(unsafe access(folder, F_OK) == 0)
            #expect(try await server.send(.DELETE, "/v1/exports/\(id)", key: server.secretKey).status == 204)
            #expect(unsafe access(folder, F_OK) != 0)
            #expect(try await server.send(.GET, "/v1/exports/\(id)", key: server.secretKey).status == 404)
        }
    }

    /// What lies at a path itself: a file, a link, a pipe; nil for nothing.
    private func kind(_ path: String) -> mode_t? {
        var info = stat()
        // The struct is filled during the call.
        return unsafe lstat(path, &info) == 0 ? info.st_mode & S_IFMT : nil
    }

    @Test("Only the socket's caller may name a file of the machine")
    func out() async throws {
        try await withServer { server in
            try await server.collect([["identity": "ann", "event": "E"]])
            let path = server.directory + "/mine.csv"
            let body = Array(#"{"dataset":"events","columns":["event"],"out":"\#(path)"}"#.utf8)
            #expect(try await server.send(.POST, "/v1/exports", key: server.secretKey, body: body).status == 403)
            #expect(await server.server.socketIsReady())
            let made = try await server.sendOnSocket(.POST, "/v1/exports", body: body)
            #expect(made.status == 202)
            let run = try await server.finished(made.json["id"]?.stringValue ?? "")
            #expect(run["status"] == "succeeded", "\(run.text)")
            #expect(unsafe access(path, R_OK) == 0)
            #expect(unsafe access(path + ".manifest.json", R_OK) == 0)
            // A link stays; the file behind it is replaced. What is no file is refused.
            let (link, pipe) = (server.directory + "/link.csv", server.directory + "/pipe")
            #expect(unsafe symlink("mine.csv", link) == 0)
            #expect(unsafe mkfifo(pipe, 0o600) == 0)
            let linked = Array(#"{"dataset":"events","columns":["identity"],"out":"\#(link)"}"#.utf8)
            let second = try await server.sendOnSocket(.POST, "/v1/exports", body: linked)
            let again = try await server.finished(second.json["id"]?.stringValue ?? "")
            #expect(again["status"] == "succeeded", "\(again.text)")
            #expect(again["manifest"]?["parts"]?.arrayValue?.first?["file"] == "mine.csv")
            #expect(kind(link) == S_IFLNK)
            for other in [pipe, "/dev/null", server.directory, server.directory + "/none/a.csv"] {
                let body = Array(#"{"dataset":"events","out":"\#(other)"}"#.utf8)
                let answer = try await server.sendOnSocket(.POST, "/v1/exports", body: body)
                #expect(answer.status == 400, "\(other): \(answer.text)")
            }
            #expect(kind(pipe) == S_IFIFO)
            let relative = Array(#"{"dataset":"events","out":"mine.csv"}"#.utf8)
            #expect(try await server.sendOnSocket(.POST, "/v1/exports", body: relative).status == 400)
        }
    }

    @Test("An estimate says what the export then is, and writes nothing")
    func estimate() async throws {
        try await withServer { server in
            try await server.collect(
                .array(
                    (0..<40).map {
                        ["identity": .string("u\($0 % 7)"), "event": "E", "properties": ["n": JSONValue($0)]]
                    }))
            let spec: JSONValue = [
                "dataset": "events", "columns": ["identity", "properties.n"], "where": ["property": "n", "gte": 10],
                "delimiter": ";", "bom": true,
            ]
            let body = Array(spec.text.utf8)
            let path = "/v1/exports/estimate"
            let answer = try await server.send(.POST, path, key: server.secretKey, body: body)
            #expect(answer.status == 200, "\(answer.text)")
            let (run, file) = try await server.export(spec)
            #expect(answer.json["rows"] == 30 && answer.json["exact"] == true && answer.json["sampled_rows"] == 30)
            #expect(answer.json["bytes"] == JSONValue(file.utf8.count))
            #expect(answer.json["as_of_seq"] == run["manifest"]?["as_of_seq"])
            let seconds = answer.json["seconds"].flatMap { Double($0.text) } ?? -1
            #expect(seconds > 0 && seconds < 60)
            // It is no run, and whoever may not export may not ask.
            #expect(try await server.send(.GET, "/v1/exports", key: server.secretKey).rows.count == 1)
            #expect(try await server.send(.POST, path, key: server.writeKey, body: body).status == 403)
            #expect(try await server.send(.POST, path, body: body).status == 401)
            #expect(try await server.send(.GET, path, key: server.secretKey).status == 405)
            for wrong in [#"{"dataset":"nothing"}"#, #"{"dataset":"events","format":"ndjson","bom":true}"#, "[", ""] {
                let answer = try await server.send(.POST, path, key: server.secretKey, body: Array(wrong.utf8))
                #expect(answer.status == 400, "\(wrong): \(answer.text)")
            }
        }
    }

    @Test("A wrong specification is 400 at once and names the place")
    func wrong() async throws {
        try await withServer { server in
            for body in [
                #"{"dataset":"nothing"}"#, #"{"dataset":"events","columns":["properties."]}"#,
                #"{"dataset":"events","where":{"all":[{"property":"a","gtt":1}]}}"#, #"{"colour":"red"}"#, "[]", "{",
            ] {
                let answer = try await server.send(
                    .POST, "/v1/exports", key: server.secretKey, body: Array(body.utf8))
                #expect(answer.status == 400, "\(body): \(answer.text)")
                #expect(answer.headers.first(name: "Content-Type") == "application/problem+json")
            }
        }
    }
}
