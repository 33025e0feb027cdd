internal import Destinations

/// What became of a stream's files when persons were forgotten.
struct ErasureTally {
    /// Why a file was left as it is.
    private enum Reason: CaseIterable {
        case transformed, refused, untold, aged, thinned

        /// What such files are, for a receipt.
        var files: String {
            switch self {
            case .transformed: "files of transformed rows"
            case .refused: "files whose specifications this version refuses"
            case .untold: "files whose manifests do not say what their columns hold"
            case .aged: "files with rows that are older than what the store keeps"
            case .thinned: "files of rows that depend on what is older than what the store keeps"
            }
        }
    }

    private var rows: Int64 = 0
    private var files = 0
    /// Files that were made from what is left of the history that they depend on.
    private var thinned = 0
    private var reasons: [Reason: Int] = [:]
    /// The names of files that were left.
    private var left: Set<String> = []
    /// How many of these had a manifest that named persons.
    private var named = 0

    mutating func add(rows gone: Int64, isThinned: Bool = false) {
        rows += max(0, gone)
        files += 1
        if isThinned { thinned += 1 }
    }

    /// - Parameters:
    ///   - isRefused: whether its specification cannot be read.
    ///   - isNamed: whether its manifest named persons.
    mutating func leave(_ window: LoadedWindow, isRefused: Bool, isNamed: Bool) {
        let reason: Reason =
            window.isTransformed
            ? .transformed
            : isRefused ? .refused : window.telling == nil ? .untold : window.isAged ? .aged : .thinned
        reasons[reason, default: 0] += 1
        left.insert(window.file)
        if isNamed { named += 1 }
    }

    func hasLeft(_ window: LoadedWindow) -> Bool { left.contains(window.file) }

    /// - Parameter isOver: whether nothing but what was left may have rows of theirs.
    func result(isOver: Bool) -> ErasedRows {
        var how =
            files == 0 && left.isEmpty
            ? "no file there had rows of theirs" : "\(files) files written anew without the rows"
        if thinned > 0 {
            how +=
                " (\(thinned) of a specification that named them, from what is left of the history that it asks for, since no column told their rows)"
        }
        guard !left.isEmpty else { return ErasedRows(rows: rows, isVerified: isOver, how: how, isOver: isOver) }
        let kinds = Reason.allCases.compactMap { reason in reasons[reason].map { "\($0) \(reason.files)" } }
        how +=
            "; \(kinds.joined(separator: " and ")) may have rows of theirs, and have no column that "
            + "tells them for certain (identity, other, person_id or identities, not made by a query), or are gone: remove them there, and load their windows again"
        if named > 0 { how += "; the manifests of \(named) of these named them, and no longer do" }
        return ErasedRows(rows: rows, isVerified: false, how: how, isOver: isOver)
    }
}
