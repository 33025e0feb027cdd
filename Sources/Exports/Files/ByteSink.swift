internal import Codecs
internal import Glibc

/// Where encoded bytes end: packed, hashed and written in large pieces.
final class ByteSink {
    private let path: String
    private let descriptor: Int32
    private let isOwned: Bool
    private let compressor: Compressor?
    private var packed: [UInt8] = []
    private var digest = Digest()
    private(set) var bytes: Int64 = 0
    private var isOpen = true

    /// A new file.
    init(path: String, _ compression: Compression) throws(ExportError) {
        compressor = try Self.compressor(compression)
        descriptor = try FileSystem.create(path)
        self.path = path
        isOwned = true
    }

    /// A descriptor of somebody else's.
    init(descriptor: Int32, _ compression: Compression) throws(ExportError) {
        compressor = try Self.compressor(compression)
        self.descriptor = descriptor
        path = "the output"
        isOwned = false
    }

    deinit { if isOwned, isOpen { close(descriptor) } }

    private static func compressor(_ compression: Compression) throws(ExportError) -> Compressor? {
        if compression == .none { return nil }
        do { return try Compressor(compression) } catch { throw ExportError(.files, error.message, isTransient: true) }
    }

    /// Writes bytes; `total` is updated with what reaches the disk.
    func write(_ piece: UnsafeRawBufferPointer, _ total: inout Digest?) throws(ExportError) {
        guard let compressor else { return unsafe try put(piece, &total) }
        // Lent for the call.
        let span = unsafe Span<UInt8>(_unsafeElements: piece.bindMemory(to: UInt8.self))
        try packing { (out) throws(CodecError) in try compressor.write(span, to: &out) }
        if packed.count >= 1 << 18 { try flush(&total) }
    }

    /// Ends the stream, syncs and closes the file; the digest of its bytes.
    func finish(_ total: inout Digest?) throws(ExportError) -> String {
        if let compressor {
            try packing { (out) throws(CodecError) in try compressor.finish(to: &out) }
            try flush(&total)
        }
        if isOwned {
            try FileSystem.sync(descriptor, path)
            isOpen = false
            guard close(descriptor) == 0 else { throw FileSystem.error("close", path) }
        }
        return digest.hex
    }

    private func packing(_ body: (inout [UInt8]) throws(CodecError) -> Void) throws(ExportError) {
        do { try body(&packed) } catch { throw ExportError(.files, error.message) }
    }

    private func flush(_ total: inout Digest?) throws(ExportError) {
        let ready = packed
        packed.removeAll(keepingCapacity: true)
        // Lent for the call.
        let written = unsafe ready.withUnsafeBytes { piece -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try put(piece, &total) }
        }
        try written.get()
    }

    private func put(_ piece: UnsafeRawBufferPointer, _ total: inout Digest?) throws(ExportError) {
        unsafe digest.update(piece)
        unsafe total?.update(piece)
        bytes += Int64(piece.count)
        unsafe try FileSystem.write(piece, to: descriptor, path)
    }
}
