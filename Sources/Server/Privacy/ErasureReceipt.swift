internal import Journal
internal import Model

/// What was done to one copy of somebody's data. Names nobody.
struct ErasureReceipt: Sendable, Equatable {
    /// What kind of copy: `hot`, `cold`, `rejects`, `journal`, `duplicates`, `export`, `link`, `outbox`, `quarantine`, `pipelines`, `audit`,
    /// `control`, `destination`.
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

extension ErasureReceipt {
    /// What was done to the journal's files.
    static func receipts(_ report: JournalErasureReport) -> [ErasureReceipt] {
        var receipts = report.segments.map { segment in
            ErasureReceipt(
                kind: "journal", name: segment.name, rows: Int64(segment.items), verified: segment.isVerified,
                how: "segment removed")
        }
        receipts += report.setAside.map { file in
            ErasureReceipt(
                kind: "journal", name: file.name, rows: 0, verified: file.isVerified,
                how: "file that was set aside removed (\(file.reason.rawValue))")
        }
        receipts += report.remaining.map { segment in
            ErasureReceipt(
                kind: "journal", name: segment.name, rows: 0, verified: segment.isVerified,
                how: segment.mentions == 0
                    ? "read again: nothing of them"
                    : "read again: \(segment.mentions) items that came after the erasure")
        }
        receipts += report.ids.map { file in
            ErasureReceipt(
                kind: "duplicates", name: file.name, rows: Int64(file.removed), verified: file.isVerified,
                how: "written anew without the ids")
        }
        if report.ids.isEmpty {
            receipts.append(
                ErasureReceipt(
                    kind: "duplicates", name: "ids", rows: 0, verified: report.isVerified,
                    how: "no id of them was there"))
        }
        return receipts
    }
}
