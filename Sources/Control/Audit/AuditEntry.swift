public import Model

/// One thing that somebody did, or read, to be written down.
public struct AuditEntry: Sendable, Equatable {
    /// Who did what came over the socket in the data folder.
    public static let owner = "owner"
    /// Who did what the server does by itself.
    public static let server = "server"

    public let at: Timestamp
    public let project: String
    /// The id of the key, never its text; or `owner`, or `server`.
    public let key: String
    public let action: String
    /// What was read of.
    public var dataset: String?
    /// What was read, where it is the same for everybody; what a request names is in the filter.
    public var columns: [String]?
    /// How many rows were handed out; nil if it was not known.
    public var rows: Int64?
    /// The id of what was made.
    public var made: String?
    /// The status of the answer.
    public var status: Int64?
    public var requestID: String?
    /// What was asked. The only member that may name somebody.
    public var filter: JSONValue?

    public init(at: Timestamp, project: String, key: String, action: String) {
        self.at = at
        self.project = project
        self.key = key
        self.action = action
    }
}

/// An entry as it is kept.
public struct AuditRecord: Sendable, Equatable {
    public let number: Int64
    /// What the chain is over; null where that cannot be read any more.
    public let content: JSONValue
    /// Hexadecimal.
    public let hash: String
    public let filter: JSONValue?
    /// The entry that says why the filter is gone.
    public let redactedBy: Int64?
}
