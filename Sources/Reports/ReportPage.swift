public import Model

/// Where a list of a report's people goes on, and as of when: pages of one list answer as of one moment.
public struct ReportPage: Sendable, Equatable {
    public let asOfSeq: Int64
    public let asOf: Timestamp
    /// The number of the last person of the page before; 0 for the first page.
    let after: Int64

    public init(asOfSeq: Int64, asOf: Timestamp, after: Int64 = 0) {
        self.asOfSeq = asOfSeq
        self.asOf = asOf
        self.after = after
    }

    /// Reads a cursor; nil for what is none.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        guard parts.count == 3, let seq = parts[0], let moment = parts[1], let after = parts[2], seq >= 0, after >= 0,
            Timestamp(microseconds: moment).isInRange
        else { return nil }
        self.init(asOfSeq: seq, asOf: Timestamp(microseconds: moment), after: after)
    }

    /// The cursor.
    public var text: String { "\(asOfSeq).\(asOf.microseconds).\(after)" }
}

/// Somebody behind a number of a report.
public struct ReportPerson: Sendable, Equatable {
    public let id: PersonID
    /// In the order in which they came.
    public let identities: [String]
}
