internal import CCodecs

/// Unpacks a stream of gzip members or zstd frames, one after another, piece by piece.
@safe public final class Decompressor {
    public let kind: Compression
    private var gzip: GzipInflater?
    private var zstd: ZstdDecoder?
    /// How many bytes have come out.
    public private(set) var bytesOut = 0
    private let limit: Int

    /// - Parameter limit: the most bytes that may come out; more is `.tooLarge`.
    public init(_ kind: Compression, limit: Int = .max) throws(CodecError) {
        self.kind = kind
        self.limit = limit
        switch kind {
        case .none: break
        case .gzip: gzip = try GzipInflater()
        case .zstd: zstd = try ZstdDecoder()
        }
    }

    /// Unpacks `bytes` and appends what they hold to `out`.
    public func write(_ bytes: Span<UInt8>, to out: inout [UInt8]) throws(CodecError) {
        let start = out.count
        let room = limit - bytesOut
        if let gzip {
            try gzip.run(bytes, &out, atMost: room)
        } else if let zstd {
            try zstd.run(bytes, &out, atMost: room)
        } else {
            guard bytes.count <= room else { throw tooLarge(room) }
            // `append` copies before the span can go.
            unsafe bytes.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
        }
        bytesOut += out.count - start
    }

    /// Says that nothing follows.
    ///
    /// - Throws: `.truncated` if the stream was not at its end.
    public func finish() throws(CodecError) {
        guard gzip?.isAtEnd ?? true, zstd?.isAtEnd ?? true else {
            throw CodecError(.truncated, "the \(kind.rawValue) stream ends in the middle")
        }
    }
}

/// A request's body, unpacked within a bound.
public enum BodyDecoder {
    /// A request's body holds at most 16 MiB unpacked, however small it was as sent.
    public static let limit = 16 << 20

    /// What `body` holds.
    ///
    /// - Throws: `.tooLarge` as soon as more than `limit` bytes come out; `.damaged`, `.truncated`.
    public static func decode(
        _ body: [UInt8], _ kind: Compression, limit: Int = limit
    ) throws(CodecError) -> [UInt8] {
        if kind == .none {
            guard body.count <= limit else { throw tooLarge(limit) }
            return body
        }
        let decompressor = try Decompressor(kind, limit: limit)
        var out: [UInt8] = []
        try decompressor.write(body.span, to: &out)
        try decompressor.finish()
        return out
    }
}

private func tooLarge(_ limit: Int) -> CodecError {
    CodecError(.tooLarge, "unpacked, the data is larger than allowed (\(limit) bytes)")
}

/// zlib's inflate for gzip members.
@safe private final class GzipInflater {
    // zlib keeps the stream's address, so it may not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private let room = Room()
    /// Whether the last member has ended and no other has begun, and there was one.
    private(set) var isAtEnd = false

    init() throws(CodecError) {
        unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe sluice_gzip_inflate_init(stream) == Z_OK else {
            unsafe stream.deallocate()
            throw CodecError(.outOfMemory, "zlib could not start")
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func run(_ input: Span<UInt8>, _ out: inout [UInt8], atMost limit: Int) throws(CodecError) {
        let start = out.count
        var code = Z_OK
        var isTooLarge = false
        // zlib only reads the input, which is lent for the call.
        unsafe input.withUnsafeBufferPointer { source in
            unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
            unsafe stream.pointee.avail_in = UInt32(source.count)
            var isFull = false
            while code == Z_OK, unsafe stream.pointee.avail_in > 0 || isFull {
                if isAtEnd {
                    // Another member follows.
                    code = unsafe inflateReset(stream)
                    isAtEnd = false
                }
                unsafe room.fill(&out) { room in
                    unsafe stream.pointee.next_out = room.baseAddress
                    unsafe stream.pointee.avail_out = UInt32(room.count)
                    code = unsafe inflate(stream, Z_NO_FLUSH)
                    isFull = unsafe stream.pointee.avail_out == 0
                    return unsafe room.count - Int(stream.pointee.avail_out)
                }
                if code == Z_STREAM_END {
                    isAtEnd = true
                    isFull = false
                    code = Z_OK
                }
                if out.count - start > limit {
                    isTooLarge = true
                    code = Z_BUF_ERROR
                }
            }
        }
        if isTooLarge { throw tooLarge(limit) }
        switch code {
        case Z_OK, Z_BUF_ERROR: return
        case Z_MEM_ERROR: throw CodecError(.outOfMemory, "zlib has no memory")
        default: throw CodecError(.damaged, "the bytes are not gzip, or damaged")
        }
    }
}

/// zstd frames.
@safe private final class ZstdDecoder {
    private let context: OpaquePointer
    private let room = Room()
    private(set) var isAtEnd = false

    init() throws(CodecError) {
        guard let context = unsafe ZSTD_createDCtx() else {
            throw CodecError(.outOfMemory, "zstd could not start")
        }
        unsafe self.context = unsafe context
        // A sender cannot make us hold more than 32 MiB of window.
        unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 25)
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    func run(_ input: Span<UInt8>, _ out: inout [UInt8], atMost limit: Int) throws(CodecError) {
        let start = out.count
        var failure: String?
        var isTooLarge = false
        // zstd only reads the input, which is lent for the call.
        unsafe input.withUnsafeBufferPointer { bytes in
            var source = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
            var isFull = false
            while failure == nil, !isTooLarge, unsafe source.pos < source.size || isFull {
                unsafe room.fill(&out) { room in
                    var target = unsafe ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
                    let hint = unsafe ZSTD_decompressStream(context, &target, &source)
                    if ZSTD_isError(hint) != 0 {
                        // A constant text of the library.
                        failure = unsafe String(cString: ZSTD_getErrorName(hint))
                    } else {
                        isAtEnd = hint == 0
                    }
                    isFull = unsafe target.pos == target.size && hint != 0
                    return unsafe target.pos
                }
                isTooLarge = out.count - start > limit
            }
        }
        if isTooLarge { throw tooLarge(limit) }
        if let failure { throw CodecError(.damaged, "the bytes are not zstd, or damaged: \(failure)") }
    }
}
