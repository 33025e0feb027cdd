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
    private var rows = 0

    init(files: PartSet, spec: ResolvedSpec) {
        self.files = files
        self.spec = spec
    }

    var room: Int { (spec.partRows ?? .max) - rows }

    mutating func begin() throws(ExportError) {
        rows = 0
        sink = try ByteSink(path: files.begin(), spec.compression, for: spec.recipients, total: files.total)
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
