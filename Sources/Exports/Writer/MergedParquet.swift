internal import Codecs
internal import Glibc

/// One Parquet file of several that the engine writes one after another: their row groups are copied as they are, beside the
/// engine's next one, and the footer is written anew.
///
/// The engine can sort and write one piece in bounded memory. If it were given all pieces as one statement it would put them
/// down on the disk first, and wait for that.
///
/// Unchecked: its stage uses it, one piece after the other, and its owner before and after.
final class MergedParquet: @unchecked Sendable {
    /// The mark at both ends, and what follows the footer.
    private static let mark = Array("PAR1".utf8)
    private static let trailer = 8
    private static let buffer = 1 << 18

    private let sink: ByteSink
    private var footer = ParquetFooter()
    private var size: Int64 = 0
    private var out = Output(capacity: buffer)

    /// A piece, in a file without a name.
    final class Piece: Sendable {
        fileprivate let descriptor: Int32
        fileprivate let name: String

        init(in folder: String) throws(ExportError) {
            (descriptor, name) = try FileSystem.createUnnamed(in: folder, "piece")
        }

        deinit { close(descriptor) }

        /// The name by which this process opens it.
        var path: String { "/proc/self/fd/\(descriptor)" }
    }

    init(into sink: ByteSink) throws(ExportError) {
        self.sink = sink
        out.append(Self.mark)
        size = Int64(Self.mark.count)
    }

    /// Rows of the pieces so far, by what they say.
    var rows: Int64 { footer.rows }

    /// Appends the row groups of a file that is whole.
    func append(_ piece: Piece) throws(ExportError) {
        let whole = try piece.size()
        guard whole >= Self.mark.count + Self.trailer else { throw Self.notWhole(piece) }
        let trailer = try piece.bytes(whole - Self.trailer..<whole)
        let length = trailer.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        let end = whole - Self.trailer - length
        guard trailer.suffix(4) == Self.mark[...], end >= Self.mark.count else { throw Self.notWhole(piece) }
        try footer.add(
            piece.bytes(end..<whole - Self.trailer)[...], shift: size - Int64(Self.mark.count), piece.name)
        var at = Self.mark.count
        while at < end {
            let wanted = min(end - at, out.capacity - out.count)
            // The room behind what is there.
            let room = unsafe UnsafeMutableRawBufferPointer(start: out.end, count: wanted)
            guard unsafe try FileSystem.read(room, from: piece.descriptor, at: at, piece.name) == wanted else {
                throw Self.notWhole(piece)
            }
            out.advance(wanted)
            at += wanted
            if out.count == out.capacity { try flush() }
        }
        size += Int64(end - Self.mark.count)
    }

    /// Ends the file, durable when it returns.
    func finish() throws(ExportError) -> WrittenFile {
        let bytes = footer.bytes
        out.append(bytes)
        out.append((0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) })
        out.append(Self.mark)
        try flush()
        return try sink.finish()
    }

    private func flush() throws(ExportError) {
        var full = Output(capacity: 0)
        swap(&full, &out)
        out = try sink.write(full)
    }

    private static func notWhole(_ piece: Piece) -> ExportError {
        ExportError(.files, "\(piece.name): what the engine wrote is no whole Parquet file")
    }
}

extension MergedParquet.Piece {
    fileprivate func size() throws(ExportError) -> Int {
        var info = stat()
        guard unsafe fstat(descriptor, &info) == 0 else { throw FileSystem.error("look at", name) }
        return Int(info.st_size)
    }

    fileprivate func bytes(_ range: Range<Int>) throws(ExportError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        // Filled for the call.
        let read = unsafe bytes.withUnsafeMutableBytes { buffer -> Result<Int, ExportError> in
            Result { () throws(ExportError) in
                unsafe try FileSystem.read(buffer, from: descriptor, at: range.lowerBound, name)
            }
        }
        guard try read.get() == range.count else { throw ExportError(.files, "\(name) is shorter than it was") }
        return bytes
    }
}
