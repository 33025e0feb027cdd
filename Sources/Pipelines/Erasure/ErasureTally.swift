internal import Destinations

/// What became of a stream's files when persons were forgotten.
struct ErasureTally {
    /// Why a file was left as it is.
    enum Reason { case transformed, aged }

    private var rows: Int64 = 0
    private var files = 0
    private var transformed = 0
    private var aged = 0

    var left: Int { transformed + aged }

    mutating func add(rows gone: Int64) {
        rows += max(0, gone)
        files += 1
    }

    mutating func leave(_ reason: Reason) {
        switch reason {
        case .transformed: transformed += 1
        case .aged: aged += 1
        }
    }

    /// - Parameter isOver: whether nothing but what was left may have rows of theirs.
    func result(isOver: Bool) -> ErasedRows {
        guard left > 0 else {
            return ErasedRows(
                rows: rows, isVerified: isOver,
                how: files == 0 ? "no file there had rows of theirs" : "\(files) files written anew without the rows",
                isOver: isOver)
        }
        var kinds: [String] = []
        if transformed > 0 { kinds.append("\(transformed) files of transformed rows") }
        if aged > 0 { kinds.append("\(aged) files with rows that are older than what the store keeps") }
        return ErasedRows(
            rows: rows, isVerified: false,
            how:
                "\(files) files written anew without the rows; \(kinds.joined(separator: " and ")) may have rows of theirs, and have no column that "
                + "tells them for certain (identity, other, person_id or identities, not made by a query), or are gone: remove them there, and load their windows again",
            isOver: isOver)
    }
}
