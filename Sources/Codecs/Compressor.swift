internal import CCodecs

/// Packs a stream of bytes as one gzip member or one zstd frame. The same bytes in the same pieces or others give the
/// same output: no time and no name is written.
@safe public final class Compressor {
    public let kind: Compression
    private var gzip: GzipDeflater?
    private var zstd: ZstdEncoder?

    /// - Parameter level: gzip 1-9 (6 if nil), zstd 1-19 (3 if nil); without meaning for `.none`.
    public init(_ kind: Compression, level: Int32? = nil) throws(CodecError) {
        self.kind = kind
        switch kind {
        case .none: break
        case .gzip: gzip = try GzipDeflater(level: level ?? 6)
        case .zstd: zstd = try ZstdEncoder(level: level ?? 3)
        }
    }

    /// Packs `bytes`; what is ready is appended to `out`, the rest comes later.
    public func write(_ bytes: Span<UInt8>, to out: inout [UInt8]) throws(CodecError) {
        if let gzip {
            try gzip.run(bytes, finish: false, &out)
        } else if let zstd {
            try zstd.run(bytes, finish: false, &out)
        } else {
            // `append` copies before the span can go.
            unsafe bytes.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
        }
    }

    /// Ends the stream: appends what is left. Nothing may be written afterwards.
    public func finish(to out: inout [UInt8]) throws(CodecError) {
        try gzip?.run(Span(), finish: true, &out)
        try zstd?.run(Span(), finish: true, &out)
    }
}

/// Where the libraries write before the bytes go on to whoever asked.
@safe final class Room {
    // Owned; freed in `deinit`.
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    init() { unsafe bytes = UnsafeMutableBufferPointer.allocate(capacity: 128 << 10) }

    deinit { unsafe bytes.deallocate() }

    /// Lets `body` write into the room; it returns how many bytes it wrote, and these are appended to `out`.
    func fill(_ out: inout [UInt8], _ body: (UnsafeMutableBufferPointer<UInt8>) -> Int) {
        let written = unsafe body(bytes)
        unsafe out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[..<written]))
    }
}

/// zlib's deflate with gzip's header and trailer.
@safe private final class GzipDeflater {
    // zlib keeps the stream's address, so it may not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private let room = Room()

    init(level: Int32) throws(CodecError) {
        unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe sluice_gzip_deflate_init(stream, level) == Z_OK else {
            unsafe stream.deallocate()
            throw CodecError(.outOfMemory, "zlib could not start")
        }
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    func run(_ input: Span<UInt8>, finish: Bool, _ out: inout [UInt8]) throws(CodecError) {
        var code = Z_OK
        // zlib only reads the input, which is lent for the call.
        unsafe input.withUnsafeBufferPointer { source in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(source.count)
            var isFull = true
            while isFull, code == Z_OK {
                unsafe room.fill(&out) { room in
                    unsafe stream.pointee.next_out = room.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(room.count)
                    code = unsafe deflate(stream, finish ? Z_FINISH : Z_NO_FLUSH)
                    isFull = unsafe stream.pointee.avail_out == 0
                    return unsafe room.count - Int(stream.pointee.avail_out)
                }
            }
        }
        // Z_BUF_ERROR only says that there was nothing to do.
        guard code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END else {
            throw CodecError(.outOfMemory, "zlib failed with code \(code)")
        }
    }
}

/// One zstd frame with a checksum.
@safe private final class ZstdEncoder {
    private let context: OpaquePointer
    private let room = Room()

    init(level: Int32) throws(CodecError) {
        guard let context = unsafe ZSTD_createCCtx() else {
            throw CodecError(.outOfMemory, "zstd could not start")
        }
        unsafe self.context = unsafe context
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    func run(_ input: Span<UInt8>, finish: Bool, _ out: inout [UInt8]) throws(CodecError) {
        var failure: String?
        // zstd only reads the input, which is lent for the call.
        unsafe input.withUnsafeBufferPointer { bytes in
            var source = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            var done = false
            while !done {
                unsafe room.fill(&out) { room in
                    var target = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                    let left = unsafe ZSTD_compressStream2(
                        context, &target, &source, finish ? ZSTD_e_end : ZSTD_e_continue)
                    if ZSTD_isError(left) != 0 {
                        // A constant text of the library.
                        failure = unsafe String(cString: ZSTD_getErrorName(left))
                        done = true
                    } else {
                        done = unsafe finish ? left == 0 : source.pos == source.size
                    }
                    return unsafe target.pos
                }
            }
        }
        if let failure { throw CodecError(.outOfMemory, "zstd failed: \(failure)") }
    }
}
