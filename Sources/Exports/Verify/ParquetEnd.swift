/// A Parquet file's first and last bytes, kept while all of them pass; its end says how many rows it has.
struct ParquetEnd {
    private static let mark = Array("PAR1".utf8)
    /// The footer's length and the mark.
    private static let trailer = 8
    /// The number of rows stands behind the columns' names; what they say of each row group comes later.
    static let mostOfFooter: Int64 = 16 << 20

    private let path: String
    /// How many of the last bytes are kept at least.
    private let window: Int
    private var first: [UInt8] = []
    private var last: [UInt8] = []
    private var bytes: Int64 = 0

    init(_ path: String, window: Int = 1 << 20) {
        self.path = path
        self.window = window
    }

    mutating func read(_ piece: UnsafeRawBufferPointer) {
        unsafe first.append(contentsOf: piece.prefix(Self.mark.count - first.count))
        if piece.count >= window { last.removeAll(keepingCapacity: true) }
        unsafe last.append(contentsOf: piece.suffix(window))
        if last.count > 2 * window { last.removeFirst(last.count - window) }
        bytes += Int64(piece.count)
    }

    /// Where the footer lies.
    ///
    /// - Throws: `.mismatch` if this is no whole Parquet file.
    func footer() throws(ExportError) -> Range<Int64> {
        let trailer = last.suffix(Self.trailer)
        guard first == Self.mark, trailer.count == Self.trailer, trailer.suffix(4) == Self.mark[...] else {
            throw ExportError(.mismatch, "\(path): this is no whole Parquet file")
        }
        let length = trailer.prefix(4).reversed().reduce(0) { $0 << 8 | Int64($1) }
        let end = bytes - Int64(Self.trailer)
        guard length <= end - Int64(Self.mark.count) else {
            throw ExportError(.mismatch, "\(path): the Parquet footer is longer than the file")
        }
        return (end - length)..<end
    }

    /// The number of rows; nil if the footer is longer than what is kept.
    func rows() throws(ExportError) -> Int64? {
        let footer = try footer()
        let kept = bytes - Int64(last.count)
        guard footer.lowerBound >= kept else { return nil }
        return try rows(inFooter: last[Int(footer.lowerBound - kept)..<Int(footer.upperBound - kept)])
    }

    /// The number of rows that a footer, or its beginning, names.
    func rows(inFooter footer: ArraySlice<UInt8>) throws(ExportError) -> Int64 {
        // The third field of FileMetaData.
        var reader = ThriftReader(footer)
        guard let rows = reader.integer(ofField: 3), rows >= 0 else {
            throw ExportError(.mismatch, "\(path): the Parquet footer cannot be read")
        }
        return rows
    }
}

/// A piece of a file, kept while all of its bytes pass.
struct KeptPiece {
    let range: Range<Int64>
    private(set) var bytes: [UInt8] = []
    private var at: Int64 = 0

    init(_ range: Range<Int64>) { self.range = range }

    mutating func read(_ piece: UnsafeRawBufferPointer) {
        let wanted = range.clamped(to: at..<(at + Int64(piece.count)))
        if !wanted.isEmpty {
            let part = unsafe piece[Int(wanted.lowerBound - at)..<Int(wanted.upperBound - at)]
            unsafe bytes.append(contentsOf: part)
        }
        at += Int64(piece.count)
    }
}
