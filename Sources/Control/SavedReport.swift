public import Model

/// A report that was saved under a name.
public struct SavedReport: Sendable, Equatable {
    /// The order of making, from 1: the cursor of lists.
    public var number: Int64
    public var id: String
    public var name: String
    /// The question, as `POST /v1/reports/query` takes it.
    public var report: JSONValue
    public var createdAt: Timestamp
    public var changedAt: Timestamp

    public init(
        number: Int64, id: String, name: String, report: JSONValue, createdAt: Timestamp, changedAt: Timestamp
    ) {
        (self.number, self.id, self.name, self.report) = (number, id, name, report)
        (self.createdAt, self.changedAt) = (createdAt, changedAt)
    }
}
