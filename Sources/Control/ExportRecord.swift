public import Model

/// One export, from the request to its result.
public struct ExportRecord: Sendable, Equatable {
    public enum Status: String, Sendable, CaseIterable {
        case queued, running, succeeded, failed, cancelled

        /// Whether nothing more will happen.
        public var isFinal: Bool { self == .succeeded || self == .failed || self == .cancelled }
    }

    /// The order of making, from 1: the cursor of lists.
    public var number: Int64
    public var id: String
    public var project: String
    public var status: Status
    /// The specification as sent, a JSON document.
    public var spec: String
    /// The specification with everything relative replaced: what runs, also after a restart.
    public var resolved: String
    /// The file that the caller named; nil for a result in the server's own folder.
    public var outPath: String?
    public var rows: Int64
    /// 0 to 100, if known.
    public var percent: Double?
    /// Why it failed.
    public var error: String?
    /// The manifest, a JSON document, once it has succeeded.
    public var manifest: String?
    public var createdAt: Timestamp
    public var startedAt: Timestamp?
    public var finishedAt: Timestamp?
    /// When it was removed with its files; from then on it is in the ledger only.
    public var removedAt: Timestamp?
}
