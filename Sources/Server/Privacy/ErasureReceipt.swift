internal import Model

/// What was done to one copy of somebody's data. Names nobody.
struct ErasureReceipt: Sendable, Equatable {
    /// What kind of copy: `hot`, `cold`, `rejects`, `journal`, `duplicates`, `export`, `control`.
    let kind: String
    let name: String
    /// How many rows, items or ids went. Of an export, how many rows of theirs its window has at most.
    let rows: Int64
    /// Whether it was looked at again afterwards.
    let verified: Bool
    /// What was done.
    let how: String

    /// Adds a receipt in the order in which it came about; `at` is when.
    func json(at: Timestamp) -> JSONValue {
        [
            "kind": .string(kind), "name": .string(name), "rows": JSONValue(rows), "verified": .bool(verified),
            "how": .string(how), "at": .string(at.text),
        ]
    }
}
