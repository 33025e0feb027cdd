/// What an engine says in its own way.
protocol TableDialect: Sendable {
    /// What a manifest's type becomes.
    func type(_ type: String) -> String
    /// Asks for the columns of the table `$2` of the schema `$1`, in their order.
    var columns: String { get }
    /// What ends the ledger's columns: its key, where that may be had.
    var ledgerKey: String { get }
    /// Asks whether there is the schema `$1`.
    var schemaExists: String { get }
    /// Has loads beside the ledger `$1` come one after another until the transaction ends; nil where the engine does that itself.
    var lock: String? { get }
    /// The table that holds a batch for as long as the transaction lasts.
    var stage: String { get }
    func makeStage(like target: String, _ columns: [String]) -> [String]
    /// Makes keys of the stage quick to find, and refuses those that come twice; nil where the engine does without.
    func indexStage(_ key: [String]) -> String?
    /// Whether a row `t` of the table has the values of a row `s` of the stage, as one test; nil where each column is compared by itself.
    func isEqual(_ columns: [String]) -> String?
    /// What goes before many rows that are compared with others, for the transaction.
    var manyRows: [String] { get }
    /// What goes before the stage is compared with the table.
    var beforeComparing: [String] { get }
    /// - Parameters:
    ///   - rows: a query of the rows, each key once.
    ///   - same: whether a row `s` of it is a row `t` of the table.
    func upsert(into target: String, _ rows: String, columns: [String], key: [String], same: String) -> String
    /// What makes reading a window's rows quick; nil where the engine finds them by itself.
    func indexSeq(_ sql: TableSQL) -> String?
    /// Asks whether the table has what an upsert finds rows by; nil where that needs nothing.
    func hasUniqueIndex(_ sql: TableSQL, _ key: [String]) -> String?
    func makeUniqueIndex(_ sql: TableSQL, _ key: [String]) -> String
    /// A query, in brackets, of the texts of a JSON list that is bound at a place.
    func texts(_ place: String) -> String
    /// Whether one of those texts is in a column that holds a JSON list.
    func contains(_ column: String, _ place: String) -> String
}

/// One transaction's connection. Every call blocks.
protocol TableSession {
    func run(_ sql: String) throws
    /// Runs a statement with values as `$1`, `$2`, …; the rows as texts.
    func rows(_ sql: String, _ values: [String?]) throws -> [[String?]]
    /// Runs a statement; how many rows it was about.
    func count(_ sql: String, _ values: [String?]) throws -> Int64
    /// Brings a batch's rows into a table that has its columns.
    ///
    /// - Parameter kind: what the rows come into.
    func bring(_ batch: LoadBatch, into place: String, _ kind: TableKind) throws -> Int64
    /// Makes a unique index; false, with nothing done, where rows have the same key.
    func makesIndex(_ sql: String) throws -> Bool
}

/// What a batch's rows come into.
enum TableKind {
    /// A table that was there.
    case old
    /// One that was made in the same transaction, so that nobody else sees it yet.
    case new
    /// The stage, in which rows are numbered in their order.
    case stage
}

extension TableSession {
    func number(_ sql: String, _ values: [String?] = []) throws -> Int64? {
        guard let cell = try rows(sql, values).first?.first else { return nil }
        return cell.flatMap { Int64($0) }
    }
}
