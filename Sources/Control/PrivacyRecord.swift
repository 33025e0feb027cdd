public import Model

/// One thing that was done for somebody's privacy.
///
/// It outlives what was erased. **`detail` and `error` never hold an identity, a value of a property or a text that was
/// sent**: counts, `seq`s, ids of records and names of files only.
public struct PrivacyRecord: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable { case erasure, access, retention }

    public enum Status: String, Sendable, CaseIterable {
        case queued, running, succeeded, failed

        /// Whether nothing more will happen.
        public var isFinal: Bool { self == .succeeded || self == .failed }
    }

    /// The order of making, from 1: the cursor of lists.
    public let number: Int64
    public let id: String
    public let project: String
    public let kind: Kind
    public let status: Status
    /// What is known of it, a JSON document; names nobody.
    public let detail: JSONValue
    /// Why it failed; names nobody.
    public let error: String?
    public let createdAt: Timestamp
    public let startedAt: Timestamp?
    public let finishedAt: Timestamp?
}
