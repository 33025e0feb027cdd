internal import Model

/// The cold files that one step wrote of a month, cut where one identity ends and the next begins: one after another they read
/// as one sorted file, and a look-up of one person asks one of them alone.
struct ColdRun: Equatable {
    /// In the order of their identities.
    let files: [ColdFile]

    /// Rows from which a month is cut: each row group of a file is asked whether it can have a person, so that there are to be
    /// few of them.
    static let partRows: Int64 = 1 << 20
    /// The most files of one run: each is open, and named in every statement about everybody.
    static let mostParts: Int64 = 16

    var id: Int64 { files[0].run }
    var tier: Int64 { files[0].tier }
    var rows: Int64 { files.reduce(0) { $0 + $1.contents.rows } }

    private init(_ files: [ColdFile]) {
        self.files = files.sorted {
            ($0.contents.identities.lowerBound, $0.id) < ($1.contents.identities.lowerBound, $1.id)
        }
    }

    /// The runs that files are of, by their numbers.
    static func runs(_ files: [ColdFile]) -> [ColdRun] {
        Dictionary(grouping: files, by: \.run).sorted { $0.key < $1.key }.map { ColdRun($0.value) }
    }

    /// How many rows each file of a month gets that has so many.
    ///
    /// - Parameter least: the number from which a second file is worth it.
    static func rowsOfPart(of rows: Int64, least: Int64 = partRows) -> Int64 {
        let parts = min(max(1, rows / max(1, least)), mostParts)
        return (rows + parts - 1) / parts
    }
}
