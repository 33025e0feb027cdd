internal import Destinations

/// What became of a stream's files when persons were forgotten.
struct ErasureTally {
    /// Why a file was left as it is.
    private enum Reason: CaseIterable {
        case transformed, untold, aged, thinned

        /// What such files are, for a receipt.
        var files: String {
            switch self {
            case .transformed: "files of transformed rows"
            case .untold: "files whose manifests do not say what their columns hold"
            case .aged: "files with rows that are older than what the store keeps"
            case .thinned: "files of rows that depend on what is older than what the store keeps"
            }
        }
    }

    private var rows: Int64 = 0
    private var files = 0
    private var reasons: [Reason: Int] = [:]

    var left: Int { reasons.values.reduce(0, +) }

    mutating func add(rows gone: Int64) {
        rows += max(0, gone)
        files += 1
    }

    mutating func leave(_ window: LoadedWindow) {
        let reason: Reason =
            window.isTransformed ? .transformed : window.telling == nil ? .untold : window.isAged ? .aged : .thinned
        reasons[reason, default: 0] += 1
    }

    /// - Parameter isOver: whether nothing but what was left may have rows of theirs.
    func result(isOver: Bool) -> ErasedRows {
        guard left > 0 else {
            return ErasedRows(
                rows: rows, isVerified: isOver,
                how: files == 0 ? "no file there had rows of theirs" : "\(files) files written anew without the rows",
                isOver: isOver)
        }
        let kinds = Reason.allCases.compactMap { reason in reasons[reason].map { "\($0) \(reason.files)" } }
        return ErasedRows(
            rows: rows, isVerified: false,
            how:
                "\(files) files written anew without the rows; \(kinds.joined(separator: " and ")) may have rows of theirs, and have no column that "
                + "tells them for certain (identity, other, person_id or identities, not made by a query), or are gone: remove them there, and load their windows again",
            isOver: isOver)
    }
}
