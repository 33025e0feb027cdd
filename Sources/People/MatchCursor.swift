public import Model

/// Where a list of the persons of whom a condition holds goes on, and what was asked, so that every page of a walk is of one
/// answer.
public struct MatchCursor: Sendable, Equatable {
    /// The `seq` and the moment as of which the first page was asked.
    public let asOfSeq: Int64
    public let asOf: Timestamp
    /// When the first page was asked for: the saved segments that a condition names are in the versions of then.
    public let asked: Timestamp
    /// The version of the saved segment; 0 for a condition that is not saved.
    public let version: Int64
    /// Tells conditions apart.
    public let digest: Int64
    /// The last person that was shown.
    public let after: PersonID

    public init(asOfSeq: Int64, asOf: Timestamp, asked: Timestamp, version: Int64, digest: Int64, after: PersonID) {
        self.asOfSeq = asOfSeq
        self.asOf = asOf
        self.asked = asked
        self.version = version
        self.digest = digest
        self.after = after
    }

    /// Reads what `text` wrote.
    public init(_ text: String) throws(PeopleError) {
        guard let numbers = try Cursor.parse(text, .matches), numbers[0] >= 0,
            Timestamp(microseconds: numbers[1]).isInRange
        else { throw PeopleError.strangeCursor }
        self.init(
            asOfSeq: numbers[0], asOf: Timestamp(microseconds: numbers[1]),
            asked: Timestamp(microseconds: numbers[2]), version: numbers[3], digest: numbers[4],
            after: PersonID(numbers[5]))
    }

    public var text: String {
        Cursor(.matches, asOfSeq, asOf.microseconds, asked.microseconds, version, digest, after.number).text
    }
}
