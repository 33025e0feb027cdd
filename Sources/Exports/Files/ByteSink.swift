internal import CCodecs
internal import Codecs
internal import Glibc
internal import Synchronization

/// Where encoded bytes end: packed, hashed and written in large pieces, on a thread beside the one that encodes.
final class ByteSink: Sendable {
    private let work: SinkWork
    private let stage: SerialStage<[UInt8]>
    /// Buffers to be used again.
    private let spare: Spare

    private final class Spare: Sendable {
        private let buffers = Mutex<[[UInt8]]>([])

        func take() -> [UInt8] { buffers.withLock { $0.popLast() } ?? [] }

        func give(_ buffer: [UInt8]) {
            buffers.withLock { $0.append(buffer) }
        }
    }

    /// A new file.
    ///
    /// - Parameter total: is updated, too, with what reaches the disk.
    convenience init(path: String, _ compression: Compression, total: TotalDigest?) throws(ExportError) {
        let compressor = try Self.compressor(compression)
        self.init(
            SinkWork(
                path: path, descriptor: try FileSystem.create(path), isOwned: true, compressor: compressor,
                total: total))
    }

    /// A descriptor of somebody else's.
    convenience init(descriptor: Int32, _ compression: Compression) throws(ExportError) {
        self.init(
            SinkWork(
                path: "the output", descriptor: descriptor, isOwned: false,
                compressor: try Self.compressor(compression), total: nil))
    }

    private init(_ work: SinkWork) {
        let spare = Spare()
        self.work = work
        self.spare = spare
        stage = SerialStage("export.sink", depth: 4) { (piece) throws(ExportError) in
            try work.take(piece)
            spare.give(piece)
        }
    }

    private static func compressor(_ compression: Compression) throws(ExportError) -> Compressor? {
        if compression == .none { return nil }
        do { return try Compressor(compression) } catch { throw ExportError(.files, error.message, isTransient: true) }
    }

    /// Takes a copy of some bytes; waits while too many are on their way.
    ///
    /// - Throws: what became of earlier pieces.
    func write(_ piece: UnsafeRawBufferPointer) throws(ExportError) {
        var buffer = spare.take()
        // Empties it where nobody else holds it, which is always so but right after it was given back.
        buffer.removeAll(keepingCapacity: true)
        unsafe buffer.append(contentsOf: piece)
        try stage.hand(buffer)
    }

    /// Ends the stream, syncs and closes the file; the digest and the number of its bytes.
    func finish() throws(ExportError) -> (sha256: String, bytes: Int64) {
        try stage.finish()
        return try work.finish()
    }
}

/// SHA-256 over the bytes of all parts in order.
///
/// Unchecked: one part's sink has it after the other's is finished.
final class TotalDigest: @unchecked Sendable {
    var digest = Digest()
}

/// The end of a sink that touches the file.
///
/// Unchecked: the sink's stage uses it, one piece after the other, and then whoever finished the stage.
private final class SinkWork: @unchecked Sendable {
    private let path: String
    private let descriptor: Int32
    private let isOwned: Bool
    private let compressor: Compressor?
    private let total: TotalDigest?
    private var packed: [UInt8] = []
    private var digest = Digest()
    private var bytes: Int64 = 0
    /// How far the system was asked to begin writing to the disk.
    private var begun: Int64 = 0
    private var isOpen = true

    init(path: String, descriptor: Int32, isOwned: Bool, compressor: Compressor?, total: TotalDigest?) {
        self.path = path
        self.descriptor = descriptor
        self.isOwned = isOwned
        self.compressor = compressor
        self.total = total
    }

    deinit { if isOwned, isOpen { close(descriptor) } }

    func take(_ piece: [UInt8]) throws(ExportError) {
        guard let compressor else { return try put(piece) }
        try packing { (out) throws(CodecError) in try compressor.write(piece.span, to: &out) }
        if packed.count >= 1 << 18 { try flush() }
    }

    func finish() throws(ExportError) -> (sha256: String, bytes: Int64) {
        if let compressor {
            try packing { (out) throws(CodecError) in try compressor.finish(to: &out) }
            try flush()
        }
        if isOwned {
            try FileSystem.sync(descriptor, path)
            isOpen = false
            guard close(descriptor) == 0 else { throw FileSystem.error("close", path) }
        }
        return (digest.hex, bytes)
    }

    private func packing(_ body: (inout [UInt8]) throws(CodecError) -> Void) throws(ExportError) {
        do { try body(&packed) } catch { throw ExportError(.files, error.message) }
    }

    private func flush() throws(ExportError) {
        try put(packed)
        packed.removeAll(keepingCapacity: true)
    }

    private func put(_ piece: [UInt8]) throws(ExportError) {
        // Lent for the call.
        let written = unsafe piece.withUnsafeBytes { piece -> Result<Void, ExportError> in
            unsafe digest.update(piece)
            unsafe total?.digest.update(piece)
            return Result { () throws(ExportError) in unsafe try FileSystem.write(piece, to: descriptor, path) }
        }
        try written.get()
        bytes += Int64(piece.count)
        // The sync at the end is short when most of the file is on the disk by then.
        if isOwned, bytes - begun >= 8 << 20 {
            sluice_begin_writeback(descriptor, begun, bytes - begun)
            begun = bytes
        }
    }
}
