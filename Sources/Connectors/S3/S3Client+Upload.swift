internal import Crypto

/// How a file is cut for an upload: one request where it is small, else parts of which all but the last have one size.
public struct S3Parts: Sendable, Equatable {
    public let bytes: Int64
    public let size: Int64

    /// S3 takes no more parts than 10,000, and none below 5 MiB but the last.
    private static let most: Int64 = 9_000
    private static let unit: Int64 = 1 << 20

    /// - Parameter size: what a part should have, in bytes.
    public init(bytes: Int64, size: Int64) {
        self.bytes = bytes
        let least = (bytes + Self.most - 1) / Self.most
        self.size = max(size, (least + Self.unit - 1) / Self.unit * Self.unit)
    }

    public var isSingle: Bool { bytes <= size }
    public var count: Int { isSingle ? 1 : Int((bytes + size - 1) / size) }

    public func range(_ number: Int) -> (offset: Int64, count: Int) {
        let offset = Int64(number) * size
        return (offset, Int(min(size, bytes - offset)))
    }
}

/// The tag that S3 gives a file: its MD5, or that of its parts' MD5s with their number; other where the service encrypts by a key of its own.
public struct S3Tag {
    private var sums: [UInt8] = []
    private var count = 0

    public init() {}

    public mutating func add(_ part: [UInt8]) {
        sums += Insecure.MD5.hash(data: part)
        count += 1
    }

    public func text(_ parts: S3Parts) -> String {
        parts.isSingle ? Hex.text(sums) : "\(Hex.text(Insecure.MD5.hash(data: sums)))-\(count)"
    }
}

extension S3Client {
    /// Puts a file. Its key has the old contents or all of the new ones, never a part: parts are put together when all are there, and
    /// thrown away where that fails.
    ///
    /// - Parameter read: so many bytes of the file from an offset on.
    public func upload(
        _ key: String, type: String, parts: S3Parts,
        read: @Sendable (_ offset: Int64, _ count: Int) async throws(ConnectorError) -> [UInt8]
    ) async throws(ConnectorError) {
        if parts.isSingle {
            return try await put(try await read(0, Int(parts.bytes)), as: key, type: type, isNew: false)
        }
        try await abandon(key)
        let begun = try await ask("POST", key, query: [("uploads", "")], headers: [("content-type", type)]).document
        guard let upload = begun["UploadId"] else {
            throw ConnectorError(.refused, "\(host) began no upload: its answer has no UploadId")
        }
        do throws(ConnectorError) {
            var tags: [String] = []
            for number in 0..<parts.count {
                let (offset, count) = parts.range(number)
                let answer = try await ask(
                    "PUT", key, query: [("partNumber", String(number + 1)), ("uploadId", upload)],
                    body: try await read(offset, count))
                tags.append(answer.tag)
            }
            try await complete(key, upload, tags, parts)
        } catch {
            // The parts cost money until they are thrown away; what cannot be now is with the next attempt.
            await discard(key, upload)
            throw error
        }
    }

    private func discard(_ key: String, _ upload: String) async {
        // Not cut off with what it cleans up after.
        let task = Task { try? await ask("DELETE", key, query: [("uploadId", upload)], expected: [404]) }
        _ = await task.value
    }

    private func complete(
        _ key: String, _ upload: String, _ tags: [String], _ parts: S3Parts
    ) async throws(ConnectorError) {
        let list = tags.enumerated().map { number, tag in
            "<Part><PartNumber>\(number + 1)</PartNumber><ETag>&quot;\(tag)&quot;</ETag></Part>"
        }
        let body = "<CompleteMultipartUpload>\(list.joined())</CompleteMultipartUpload>"
        let answer = try await ask(
            "POST", key, query: [("uploadId", upload)], headers: [("content-type", "application/xml")],
            body: Array(body.utf8), expected: [404])
        if answer.status == 404 {
            // An answer that was lost: the upload is over, and the object is there.
            guard try await head(key)?.bytes == parts.bytes else { throw refusal(answer.answer) }
            return
        }
        // The service says 200 before it is done, and may find out afterwards that it failed.
        if answer.document["Code"] != nil {
            throw ConnectorError(.unreachable, refusal(answer.answer).message, isTransient: true)
        }
    }

    /// Throws away uploads of a key that were never finished.
    private func abandon(_ key: String) async throws(ConnectorError) {
        let answer = try await ask(
            "GET", nil, query: [("uploads", ""), ("prefix", key)], most: 1 << 20, expected: [400, 403, 404, 501])
        guard answer.status == 200 else { return }
        for entry in answer.document.elements("Upload") where entry["Key"] == key {
            guard let upload = entry["UploadId"] else { continue }
            _ = try await ask("DELETE", key, query: [("uploadId", upload)], expected: [404])
        }
    }
}
