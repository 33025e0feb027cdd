internal import Age
internal import CCodecs
internal import Codecs
internal import Glibc
internal import Synchronization
internal import Threads

/// Where encoded bytes end: packed, encrypted, hashed and written in large pieces, on a thread beside the one that encodes.
final class ByteSink: Sendable {
    private let work: SinkWork
    private let stage: SerialStage<Piece>
    /// Buffers to be used again.
    private let spare: Spare

    /// A buffer on its way.
    ///
    /// Unchecked: handed from one owner to the next, never shared.
    private final class Piece: @unchecked Sendable {
        var buffer: Output?
        init(_ buffer: consuming Output) { self.buffer = consume buffer }
    }

    private final class Spare: Sendable {
        private let pieces = Mutex<[Piece]>([])

        func take() -> Output? { pieces.withLock { $0.popLast() }?.buffer.take() }

        func give(_ piece: Piece) {
            pieces.withLock { $0.append(piece) }
        }
    }

    /// A new file.
    ///
    /// - Parameters:
    ///   - recipients: whom it is encrypted for; it is readable for everybody if there is none.
    ///   - isDurable: whether it is to outlive a crash of the machine.
    ///   - total: is updated, too, with what reaches the disk.
    ///   - growth: is told how much there is.
    convenience init(
        path: String, _ compression: Compression, for recipients: [AgeRecipient], isDurable: Bool,
        total: TotalDigest?, growth: Growth? = nil
    ) throws(ExportError) {
        let compressor = try Self.compressor(compression)
        let encryptor = try Self.encryptor(recipients)
        self.init(
            SinkWork(
                path: path, descriptor: try FileSystem.create(path), isDurable: isDurable, compressor: compressor,
                encryptor: encryptor, total: total, growth: growth))
    }

    private init(_ work: SinkWork) {
        let spare = Spare()
        self.work = work
        self.spare = spare
        stage = SerialStage("export.sink", depth: 4) { (piece) throws(ExportError) in
            if let bytes = unsafe piece.buffer?.bytes { unsafe try work.take(bytes) }
            piece.buffer?.removeAll()
            spare.give(piece)
        }
    }

    private static func compressor(_ compression: Compression) throws(ExportError) -> Compressor? {
        if compression == .none { return nil }
        do { return try Compressor(compression) } catch { throw ExportError(.files, error.message, isTransient: true) }
    }

    private static func encryptor(_ recipients: [AgeRecipient]) throws(ExportError) -> AgeEncryptor? {
        if recipients.isEmpty { return nil }
        do { return try AgeEncryptor(recipients) } catch { throw ExportError(error) }
    }

    /// Takes a buffer and gives an empty one for it; waits while too many are on their way.
    ///
    /// - Throws: what became of earlier buffers.
    func write(_ full: consuming Output) throws(ExportError) -> Output {
        let capacity = full.capacity
        try stage.hand(Piece(full))
        return spare.take() ?? Output(capacity: capacity)
    }

    /// Ends the stream, syncs the file if it is to be durable, and closes it.
    func finish() throws(ExportError) -> WrittenFile {
        try stage.finish()
        return try work.finish()
    }
}

/// What became of a file.
struct WrittenFile {
    /// Of the bytes on disk, in hexadecimal.
    let sha256: String
    /// On disk.
    let bytes: Int64
    /// How many bytes are encrypted in it; nil if it is not encrypted.
    var plaintextBytes: Int64?
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
    private let isDurable: Bool
    private let compressor: Compressor?
    private let encryptor: AgeEncryptor?
    private let total: TotalDigest?
    private let growth: Growth?
    private var packed: [UInt8] = []
    private var sealed: [UInt8] = []
    private var plaintextBytes: Int64 = 0
    private var digest = Digest()
    private var bytes: Int64 = 0
    /// How far the system was asked to begin writing to the disk.
    private var begun: Int64 = 0
    private var isOpen = true

    init(
        path: String, descriptor: Int32, isDurable: Bool, compressor: Compressor?, encryptor: AgeEncryptor?,
        total: TotalDigest?, growth: Growth?
    ) {
        self.path = path
        self.growth = growth
        self.descriptor = descriptor
        self.isDurable = isDurable
        self.compressor = compressor
        self.encryptor = encryptor
        self.total = total
    }

    deinit { if isOpen { close(descriptor) } }

    func take(_ piece: UnsafeRawBufferPointer) throws(ExportError) {
        guard let compressor else { return unsafe try seal(piece) }
        // Lent for the call.
        let span = unsafe Span<UInt8>(_unsafeElements: piece.bindMemory(to: UInt8.self))
        try packing { (out) throws(CodecError) in try compressor.write(span, to: &out) }
        if packed.count >= 1 << 18 { try flush() }
    }

    func finish() throws(ExportError) -> WrittenFile {
        if let compressor {
            try packing { (out) throws(CodecError) in try compressor.finish(to: &out) }
            try flush()
        }
        if let encryptor {
            try sealing { (out) throws(AgeError) in try encryptor.finish(to: &out) }
            try putSealed()
        }
        if isDurable { try FileSystem.sync(descriptor, path) }
        isOpen = false
        guard close(descriptor) == 0 else { throw FileSystem.error("close", path) }
        return WrittenFile(sha256: digest.hex, bytes: bytes, plaintextBytes: encryptor == nil ? nil : plaintextBytes)
    }

    private func packing(_ body: (inout [UInt8]) throws(CodecError) -> Void) throws(ExportError) {
        do { try body(&packed) } catch { throw ExportError(.files, error.message) }
    }

    private func flush() throws(ExportError) {
        // Lent for the call.
        let written = unsafe packed.withUnsafeBytes { piece -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try seal(piece) }
        }
        try written.get()
        packed.removeAll(keepingCapacity: true)
    }

    /// Encrypts bytes if that is wanted, and writes them.
    private func seal(_ piece: UnsafeRawBufferPointer) throws(ExportError) {
        guard let encryptor else { return unsafe try put(piece) }
        // Lent for the call.
        let span = unsafe Span<UInt8>(_unsafeElements: piece.bindMemory(to: UInt8.self))
        try sealing { (out) throws(AgeError) in try encryptor.write(span, to: &out) }
        plaintextBytes += Int64(piece.count)
        try putSealed()
    }

    private func sealing(_ body: (inout [UInt8]) throws(AgeError) -> Void) throws(ExportError) {
        do { try body(&sealed) } catch { throw ExportError(error) }
    }

    private func putSealed() throws(ExportError) {
        // Lent for the call.
        let written = unsafe sealed.withUnsafeBytes { piece -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try put(piece) }
        }
        try written.get()
        sealed.removeAll(keepingCapacity: true)
    }

    private func put(_ piece: UnsafeRawBufferPointer) throws(ExportError) {
        unsafe digest.update(piece)
        unsafe total?.digest.update(piece)
        unsafe try FileSystem.write(piece, to: descriptor, path)
        bytes += Int64(piece.count)
        growth?.grow(to: bytes)
        // The sync at the end is short when most of the file is on the disk by then.
        if isDurable, bytes - begun >= 8 << 20 {
            sluice_begin_writeback(descriptor, begun, bytes - begun)
            begun = bytes
        }
    }
}
