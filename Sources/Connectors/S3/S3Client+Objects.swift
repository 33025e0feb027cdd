internal import Crypto

extension S3Client {
    /// Proves that keys below a prefix can be listed.
    public func check(prefix: String) async throws(ConnectorError) {
        _ = try await ask("GET", nil, query: [("list-type", "2"), ("max-keys", "1"), ("prefix", prefix)])
    }

    /// Everything whose key begins with a prefix, in the order of keys.
    public func list(prefix: String) async throws(ConnectorError) -> [S3Object] {
        var found: [S3Object] = []
        var token: String?
        repeat {
            var query = [(name: "list-type", value: "2"), ("prefix", prefix), ("max-keys", "1000")]
            if let token { query.append(("continuation-token", token)) }
            let page = try await ask("GET", nil, query: query, most: 8 << 20).document
            for entry in page.elements("Contents") {
                guard let key = entry["Key"], let size = entry["Size"].flatMap({ Int64($0) }) else { continue }
                found.append(
                    S3Object(key: key, bytes: size, tag: (entry["ETag"] ?? "").filter { $0 != "\"" }))
            }
            token = page["IsTruncated"] == "true" ? page["NextContinuationToken"] : nil
        } while token != nil
        return found
    }

    /// What is there under a key, without its contents; nil if nothing is.
    public func head(_ key: String) async throws(ConnectorError) -> S3Object? {
        let answer = try await ask("HEAD", key, expected: [404])
        guard answer.status != 404 else { return nil }
        return S3Object(
            key: key, bytes: answer.answer["content-length"].flatMap { Int64($0) } ?? -1, tag: answer.tag)
    }

    /// A small object whole; nil if it is not there.
    public func get(_ key: String, most: Int) async throws(ConnectorError) -> [UInt8]? {
        let answer = try await ask("GET", key, most: most, expected: [404])
        return answer.status == 404 ? nil : answer.answer.body
    }

    /// An object piece by piece, which all are of the same one: should another be put in its place meanwhile, it is begun anew.
    public func read(
        _ object: S3Object, pieces: Int = 8 << 20, _ body: ([UInt8]) async throws(ConnectorError) -> Void
    ) async throws(ConnectorError) {
        var at: Int64 = 0
        while at < object.bytes {
            let end = min(at + Int64(pieces), object.bytes) - 1
            let answer = try await ask(
                "GET", object.key, headers: [("if-match", "\"\(object.tag)\""), ("range", "bytes=\(at)-\(end)")],
                most: pieces + 1)
            guard answer.answer.body.count == Int(end - at + 1) else {
                throw ConnectorError(
                    .unreachable, "\(host) answered \(answer.answer.body.count) bytes and should have \(end - at + 1)",
                    isTransient: true)
            }
            try await body(answer.answer.body)
            at = end + 1
        }
    }

    /// Puts a small object.
    ///
    /// - Parameter isNew: whether nothing may be there. Services that do not know that condition put it without.
    public func put(_ bytes: [UInt8], as key: String, type: String, isNew: Bool) async throws(ConnectorError) {
        let condition = isNew ? [(name: "if-none-match", value: "*")] : []
        let answer = try await ask(
            "PUT", key, headers: [("content-type", type)] + condition, body: bytes, expected: [412, 501])
        switch answer.status {
        case 412:
            throw ConnectorError(
                .unreachable, "\(key) appeared at \(host) meanwhile: somebody else loads there", isTransient: true)
        case 501 where isNew: try await put(bytes, as: key, type: type, isNew: false)
        case 501: throw refusal(answer.answer)
        default: break
        }
    }

    /// Removes an object; nothing if it is not there.
    public func remove(_ key: String) async throws(ConnectorError) { _ = try await ask("DELETE", key, expected: [404]) }
}
