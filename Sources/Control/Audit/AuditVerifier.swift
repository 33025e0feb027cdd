internal import Model

/// What walking a chain finds.
public struct AuditVerdict: Sendable, Equatable {
    /// How many entries were looked at.
    public internal(set) var entries: Int64 = 0
    /// Of how many what was asked was taken out.
    public internal(set) var redacted: Int64 = 0
    /// The hash of the last entry, hexadecimal; nil if there is none.
    public internal(set) var lastHash: String?
    /// The first entry that is not as it was written, or is missing.
    public internal(set) var brokenAt: Int64?
    public internal(set) var reason: String?

    public var isIntact: Bool { brokenAt == nil && reason == nil }
}

/// Walks a chain from its first entry; pure.
struct AuditVerifier {
    /// An entry as it lies in the database.
    struct Row {
        let number: Int64
        let content: String
        let hash: [UInt8]
        let filter: String?
        let salt: [UInt8]?
        let redactedBy: Int64?
        let key: String
        let action: String
    }

    private struct Redaction {
        var numbers: [Int64] = []
        var seal: String?
        var count: Int64?
    }

    private var verdict = AuditVerdict()
    private var previous = AuditChain.start
    private var redactions: [Int64: Redaction] = [:]
    private let expected: String?
    private var hasExpected: Bool

    /// - Parameter expected: a hash that must be in the chain, hexadecimal.
    init(expecting expected: String? = nil) {
        self.expected = expected
        hasExpected = expected == nil
    }

    /// Looks at the next entry; false once something is wrong.
    mutating func take(_ row: Row) -> Bool {
        let number = verdict.entries + 1
        guard let reason = fault(of: row, expecting: number) else {
            verdict.entries = number
            previous = row.hash
            if let expected, expected == AuditChain.hex(row.hash) { hasExpected = true }
            return true
        }
        verdict.brokenAt = number
        verdict.reason = reason
        return false
    }

    /// What came of it.
    func finish() -> AuditVerdict {
        var verdict = verdict
        if verdict.entries > 0 { verdict.lastHash = AuditChain.hex(previous) }
        guard verdict.isIntact else { return verdict }
        let wrong = redactions.filter { number, group in
            group.count != Int64(group.numbers.count) || group.seal != AuditChain.seal(ofRedacted: group.numbers)
        }
        if let first = wrong.flatMap({ [$0.key] + $0.value.numbers }).min() {
            verdict.brokenAt = first
            verdict.reason = "filters were taken out, and no entry of an erasure says that these were"
        } else if !hasExpected {
            verdict.reason =
                "no entry has the hash that was expected: the end of the log was cut off, or it is another log"
        }
        return verdict
    }

    /// What is wrong with an entry; nil if nothing is.
    private mutating func fault(of row: Row, expecting number: Int64) -> String? {
        guard row.number == number else { return "the entry is missing" }
        guard row.hash == AuditChain.hash(after: previous, row.content) else {
            return "the hash is not that of the entry and of the one before"
        }
        guard let content = try? JSONValue(text: row.content), content["number"]?.intValue == number,
            content["key"]?.stringValue == row.key, content["action"]?.stringValue == row.action
        else { return "the entry is looked for under what its content does not say" }
        if let told = content["redacted"] {
            redactions[number, default: Redaction()].count = told["entries"]?.intValue
            redactions[number, default: Redaction()].seal = told["sha256"]?.stringValue
        }
        let seal = content["filter_sha256"]?.stringValue
        switch (row.filter, row.salt, row.redactedBy) {
        case (nil, nil, nil): return seal == nil ? nil : "what was asked is missing"
        case (let text?, let salt?, nil):
            return AuditChain.seal(text, salt: salt) == seal ? nil : "what was asked is not what was written"
        case (nil, nil, let by?):
            guard seal != nil, by > number else { return "what was asked is missing" }
            verdict.redacted += 1
            redactions[by, default: Redaction()].numbers.append(number)
            return nil
        default: return "what was asked is missing in part"
        }
    }
}
