internal import Model

/// How entries hang together: each hash is over the hash before and the entry's content, and the content has a salted hash of
/// what was asked. That text itself stays outside, so that it can be taken away: without its salt, nobody can guess it from what
/// is left.
enum AuditChain {
    /// What stands before the first entry.
    static let start = [UInt8](repeating: 0, count: 32)
    static let saltBytes = 16

    static func hash(after previous: [UInt8], _ content: String) -> [UInt8] {
        Digest256(of: previous + Array(content.utf8)).bytes
    }

    /// What the content says of a text that is kept beside it.
    static func seal(_ text: String, salt: [UInt8]) -> String { hex(Digest256(of: salt + Array(text.utf8)).bytes) }

    static func salt() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<saltBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// What an entry says of the entries whose filters were taken out with it.
    static func seal(ofRedacted numbers: [Int64]) -> String {
        hex(Digest256(of: Array(numbers.map(String.init).joined(separator: ",").utf8)).bytes)
    }

    static func content(_ entry: AuditEntry, number: Int64, seal: String?) -> JSONValue {
        [
            "number": JSONValue(number), "at": .string(entry.at.text), "project": .string(entry.project),
            "key": .string(entry.key), "action": .string(entry.action), "dataset": JSONValue(entry.dataset),
            "columns": entry.columns.map { .array($0.map { .string($0) }) } ?? .null,
            "rows": entry.rows.map { JSONValue($0) } ?? .null, "made": JSONValue(entry.made),
            "status": entry.status.map { JSONValue($0) } ?? .null, "request_id": JSONValue(entry.requestID),
            "filter_sha256": JSONValue(seal),
        ]
    }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
