/// What was done to one copy of the rows that went. Names nobody.
public struct RemovedCopy: Sendable, Equatable {
    /// The kinds of copies that a store has.
    public enum Kind: String, Sendable {
        /// The hot file: newest rows, identities and aliases.
        case hot
        /// A cold file.
        case cold
        /// Inputs that were refused.
        case rejects
        /// The table of people with their computed columns.
        case people = "people_current"
    }

    public let kind: Kind
    /// The file's name, as it was; for rejects the table's.
    public let name: String
    /// How many rows went.
    public let rows: Int64
    /// Whether it was looked at again: the old file is gone, and the new one has no such rows.
    public let verified: Bool

    public init(kind: Kind, name: String, rows: Int64, verified: Bool) {
        self.kind = kind
        self.name = name
        self.rows = rows
        self.verified = verified
    }
}

/// What a removal takes out of the store, as far as it is known: `seq`s that are to be forgotten elsewhere, too.
public struct RemovedItems: Sendable, Equatable {
    /// In no order; one may be there several times.
    public var seqs: [Int64] = []
    /// Everything up to this `seq` was looked at.
    public var through: Int64 = 0
    /// Where it is, and how many rows of it.
    public var copies: [RemovedCopy] = []

    public init() {}
}
