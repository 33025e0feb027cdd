/// Where rows end that we write ourselves.
protocol RowOutput: SendableMetatype {
    /// How many rows still fit the file that is being written; the writer asks before each piece, and 0 begins the next.
    var room: Int { get }
    /// Begins a file.
    mutating func begin() throws(ExportError)
    /// Takes encoded rows, and gives an empty buffer for theirs.
    mutating func write(_ full: consuming Output) throws(ExportError) -> Output
    /// Counts rows that are encoded, though their bytes may come later.
    mutating func count(_ rows: Int)
    /// Ends the file.
    mutating func end() throws(ExportError)
}

/// Files, one or several.
struct FileRows: RowOutput {
    var files: PartSet
    private let spec: ResolvedSpec
    private var sink: ByteSink?
    /// Whoever reads the file while it is written, and what its columns are.
    var following: (by: ExportFollowing, columns: [Manifest.Column])?
    private var rows = 0

    init(files: PartSet, spec: ResolvedSpec) {
        self.files = files
        self.spec = spec
    }

    var room: Int { (spec.partRows ?? .max) - rows }

    mutating func begin() throws(ExportError) {
        rows = 0
        let path = files.begin()
        sink = try ByteSink(
            path: path, spec.compression, for: spec.recipients, isDurable: files.isDurable, total: files.total,
            growth: following?.by.growth)
        if let following { following.by.begin(path, following.columns) }
    }

    mutating func write(_ full: consuming Output) throws(ExportError) -> Output {
        guard let sink else { return full }
        return try sink.write(full)
    }

    mutating func count(_ rows: Int) { self.rows += rows }

    mutating func end() throws(ExportError) {
        guard let sink else { return }
        files.end(rows: Int64(rows), try sink.finish())
        self.sink = nil
    }
}
