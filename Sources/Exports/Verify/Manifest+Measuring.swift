extension Manifest {
    /// Says what its files are now that rows were taken out of them. Blocks while it reads them.
    ///
    /// - Parameters:
    ///   - folder: where they lie.
    ///   - rows: how many each of them has.
    public mutating func measure(in folder: String, rows counts: [Int64]) throws(ExportError) {
        var total = Digest()
        for (place, count) in zip(parts.indices, counts) {
            var (digest, size): (Digest, Int64) = (Digest(), 0)
            unsafe try FileSystem.read(folder + "/" + parts[place].file) { (piece) throws(ExportError) in
                unsafe digest.update(piece)
                unsafe total.update(piece)
                size += Int64(piece.count)
            }
            (parts[place].rows, parts[place].bytes, parts[place].sha256) = (count, size, digest.hex)
        }
        rows = parts.reduce(0) { $0 + $1.rows }
        bytes = parts.reduce(0) { $0 + $1.bytes }
        sha256 = total.hex
    }
}
