public import Connectors
public import Model

/// What tells rows of persons who are to be forgotten.
public struct RowErasure: Sendable {
    /// What a column holds that tells whose a row is.
    public enum Holds: String, Sendable {
        case identity, person, identities, seq, key
    }

    /// Which erasure it is: others may be on their way at the same time.
    public var id: String
    public var stream: LoadStream
    /// All identities of the persons.
    public var identities: [String]
    /// What the persons are called, and were before they were tied.
    public var persons: [String]
    /// What went from the store.
    public var seqs: [Int64]
    public var columns: [(name: String, holds: Holds)]

    public init(
        id: String, stream: LoadStream, identities: [String], persons: [String], seqs: [Int64],
        columns: [(name: String, holds: Holds)]
    ) {
        self.id = id
        (self.stream, self.identities, self.persons) = (stream, identities, persons)
        (self.seqs, self.columns) = (seqs, columns)
    }
}

/// What became of somebody's rows at a destination. Names nobody.
public struct ErasedRows: Sendable, Equatable {
    public var rows: Int64
    /// Whether it was looked again, and none was there.
    public var isVerified: Bool
    /// What was done, or why nothing could be.
    public var how: String
    /// Whether another attempt would do no more.
    public var isOver: Bool

    public init(rows: Int64, isVerified: Bool, how: String, isOver: Bool = true) {
        (self.rows, self.isVerified, self.how, self.isOver) = (rows, isVerified, how, isOver)
    }
}

/// What became of bringing a window's file back.
public enum FetchedWindow: Sendable {
    /// It is as it was loaded.
    case whole
    /// It is there, and has other bytes: somebody changed it, or what wrote it anew was cut off.
    case changed
    case gone
}

/// How a destination forgets somebody.
public enum Forgetting: Sendable {
    /// Rows are found by what they hold: `erase`.
    case rows
    /// Files are written anew from the store: `windows`, and a load of each.
    case files
    /// What was sent is out of reach.
    case unreachable
}

extension Destination {
    public static var forgetting: Forgetting { .unreachable }

    public func erase(_ erasure: RowErasure) async throws(ConnectorError) -> ErasedRows {
        ErasedRows(
            rows: 0, isVerified: false,
            how: "what was sent there is out of Sluice's reach: whoever keeps it has to erase it there")
    }

    public func windows(_ stream: LoadStream) async throws(ConnectorError) -> [JSONValue] { [] }

    public func fetch(_ batch: LoadBatch, to path: String) async throws(ConnectorError) -> FetchedWindow { .gone }

    public func remark(_ batch: LoadBatch) async throws(ConnectorError) {}

    public func mark(_ stream: LoadStream, isStale: Bool) async throws(ConnectorError) {}

    public static func shown(_ settings: JSONValue) -> JSONValue { ShownSettings.masked(settings, fields) }
}
