import Connectors
import Foundation
import Model
import Synchronization

/// A bucket in memory that answers as S3 does, as far as the client asks; it fails when it is told to.
final class FakeBucket: OutboundSending {
    struct State {
        var objects: [String: [UInt8]] = [:]
        var uploads: [String: (key: String, parts: [Int: [UInt8]])] = [:]
        /// Statuses for the next requests of a kind (`PUT part`, `POST complete`, `PUT manifest`, …); 0 does it and loses the answer.
        var failures: [String: [Int]] = [:]
        var asked: [String] = []
        var largest = 0
    }

    let state = Mutex(State())

    func send(_ request: OutboundRequest) async -> OutboundResult {
        state.withLock { state in
            let target = request.url.target
            let path = String(target.prefix { $0 != "?" }.dropFirst("/lake/".count))
            let key = path.removingPercentEncoding ?? path
            var query: [String: String] = [:]
            for part in target.drop(while: { $0 != "?" }).dropFirst().split(separator: "&") {
                let pair = part.split(separator: "=", omittingEmptySubsequences: false)
                query[String(pair[0])] = String(pair.last ?? "").removingPercentEncoding
            }
            state.largest = max(state.largest, request.body.count)
            let kind = Self.kind(request.method, key, query)
            state.asked.append(kind)
            let failure = state.failures[kind]?.isEmpty == false ? state.failures[kind]?.removeFirst() : nil
            if let failure, failure > 0 {
                return OutboundResult(
                    answer: OutboundAnswer(
                        status: failure, body: Array("<Error><Code>Told</Code><Message>as told</Message></Error>".utf8))
                )
            }
            let answer = Self.answer(request, key, query, &state)
            return failure == 0
                ? OutboundResult(failure: OutboundFailure(.reset, "the answer was lost"))
                : OutboundResult(answer: answer)
        }
    }

    private static func kind(_ method: String, _ key: String, _ query: [String: String]) -> String {
        if query["partNumber"] != nil { return "PUT part" }
        if query["uploadId"] != nil { return method == "POST" ? "POST complete" : "DELETE upload" }
        if query["uploads"] != nil { return method == "POST" ? "POST begin" : "GET uploads" }
        if query["list-type"] != nil { return "GET list" }
        return method + (key.hasSuffix(".manifest.json") ? " manifest" : " file")
    }

    private static func answer(
        _ request: OutboundRequest, _ key: String, _ query: [String: String], _ state: inout State
    ) -> OutboundAnswer {
        func tag(_ bytes: [UInt8]) -> String {
            var tag = S3Tag()
            tag.add(bytes)
            return tag.text(S3Parts(bytes: Int64(bytes.count), size: .max >> 20))
        }
        func text(_ status: Int, _ text: String) -> OutboundAnswer {
            OutboundAnswer(status: status, body: Array(text.utf8))
        }
        switch kind(request.method, key, query) {
        case "GET list":
            let prefix = query["prefix"] ?? ""
            let names = state.objects.keys.filter { $0.hasPrefix(prefix) }.sorted()
            let start = query["continuation-token"].flatMap { Int($0) } ?? 0
            // Pages of three, so that there are several.
            let page = names.dropFirst(start).prefix(3)
            let entries = page.map {
                "<Contents><Key>\($0)</Key><Size>\(state.objects[$0]?.count ?? 0)</Size></Contents>"
            }
            let more = start + page.count < names.count
            return text(
                200,
                "<R><IsTruncated>\(more)</IsTruncated><NextContinuationToken>\(start + page.count)</NextContinuationToken>\(entries.joined())</R>"
            )
        case "GET uploads":
            let open = state.uploads.filter { $0.value.key.hasPrefix(query["prefix"] ?? "") }
            return text(
                200, open.map { "<Upload><Key>\($0.value.key)</Key><UploadId>\($0.key)</UploadId></Upload>" }.joined())
        case "POST begin":
            let id = "u\(state.asked.count)"
            state.uploads[id] = (key, [:])
            return text(200, "<UploadId>\(id)</UploadId>")
        case "PUT part":
            let number = query["partNumber"].flatMap { Int($0) } ?? 0
            state.uploads[query["uploadId"] ?? ""]?.parts[number] = request.body
            return OutboundAnswer(status: 200, headers: [("ETag", "\"\(tag(request.body))\"")])
        case "POST complete":
            guard let upload = state.uploads.removeValue(forKey: query["uploadId"] ?? "") else {
                return text(404, "<Code>NoSuchUpload</Code>")
            }
            state.objects[key] = upload.parts.sorted { $0.key < $1.key }.flatMap(\.value)
            return text(200, "<ETag>x</ETag>")
        case "DELETE upload":
            state.uploads[query["uploadId"] ?? ""] = nil
            return text(204, "")
        case "PUT file", "PUT manifest":
            if request.headers.contains(where: { $0.name == "if-none-match" }), state.objects[key] != nil {
                return text(412, "<Code>PreconditionFailed</Code>")
            }
            state.objects[key] = request.body
            return OutboundAnswer(status: 200, headers: [("ETag", "\"\(tag(request.body))\"")])
        case "DELETE file", "DELETE manifest":
            state.objects[key] = nil
            return text(204, "")
        default:
            guard let bytes = state.objects[key] else { return text(404, "") }
            let headers = [(name: "etag", value: "\"other than the sum\""), ("content-length", String(bytes.count))]
            guard request.method == "GET" else { return OutboundAnswer(status: 200, headers: headers) }
            let range = request.headers.first { $0.name == "range" }?.value.dropFirst("bytes=".count)
                .split(separator: "-").compactMap { Int($0) }
            let body = range.map { Array(bytes[$0[0]...min($0[1], bytes.count - 1)]) } ?? bytes
            return OutboundAnswer(status: range == nil ? 200 : 206, headers: headers, body: body)
        }
    }
}
