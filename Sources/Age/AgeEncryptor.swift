internal import Crypto

/// Encrypts a stream of bytes as one file of age's format v1, for one or more recipients. Holds one chunk (64 KiB) at most.
public final class AgeEncryptor {
    /// What a file draws by lot.
    struct Lot {
        let key: FileKey
        let nonce: [UInt8]
        /// One key for each recipient.
        let ephemeral: [Curve25519.KeyAgreement.PrivateKey]

        init(key: FileKey, nonce: [UInt8], ephemeral: [Curve25519.KeyAgreement.PrivateKey]) {
            self.key = key
            self.nonce = nonce
            self.ephemeral = ephemeral
        }

        init(recipients: Int) {
            self.init(
                key: .random(), nonce: randomBytes(Chunks.nonceLength),
                ephemeral: (0..<recipients).map { _ in Curve25519.KeyAgreement.PrivateKey() })
        }
    }

    private var chunks: Chunks
    /// What is not yet encrypted: whether it is the last chunk shows when more comes, or nothing.
    private var held: [UInt8] = []
    /// What stands before the first chunk, until it is handed out.
    private var beginning: [UInt8]

    /// - Throws: `.recipient` if there is none.
    public convenience init(_ recipients: [AgeRecipient]) throws(AgeError) {
        try self.init(recipients, lot: Lot(recipients: recipients.count))
    }

    init(_ recipients: [AgeRecipient], lot: Lot) throws(AgeError) {
        guard !recipients.isEmpty else { throw AgeError(.recipient, "a file is encrypted for one recipient at least") }
        var stanzas: [Stanza] = []
        for (recipient, ephemeral) in zip(recipients, lot.ephemeral) {
            stanzas.append(try X25519.wrap(lot.key, for: recipient, ephemeral: ephemeral))
        }
        beginning = Header.bytes(stanzas, key: lot.key) + lot.nonce
        chunks = Chunks(key: lot.key.payloadKey(nonce: lot.nonce))
        held.reserveCapacity(Chunks.length)
    }

    /// Encrypts bytes; what is ready is appended to `out`, the rest comes later.
    public func write(_ bytes: Span<UInt8>, to out: inout [UInt8]) throws(AgeError) {
        begin(&out)
        var at = 0
        while at < bytes.count {
            // A full chunk waits for the byte that shows that it is not the last: the last one is never empty.
            if held.count == Chunks.length { try seal(isLast: false, &out) }
            let end = min(bytes.count, at + Chunks.length - held.count)
            let piece = bytes.extracting(at..<end)
            // `append` copies before the span can go.
            unsafe piece.withUnsafeBufferPointer { unsafe held.append(contentsOf: $0) }
            at = end
        }
    }

    /// Ends the file: appends what is left. Nothing may be written afterwards.
    public func finish(to out: inout [UInt8]) throws(AgeError) {
        begin(&out)
        try seal(isLast: true, &out)
    }

    /// How many bytes a file has that holds so many for these recipients.
    ///
    /// - Throws: `.recipient` if there is none.
    public static func size(of bytes: Int64, for recipients: [AgeRecipient]) throws(AgeError) -> Int64 {
        var empty: [UInt8] = []
        try AgeEncryptor(recipients).finish(to: &empty)
        let chunks = max(1, (bytes + Int64(Chunks.length) - 1) / Int64(Chunks.length))
        return Int64(empty.count) + bytes + (chunks - 1) * Int64(Chunks.tagLength)
    }

    private func begin(_ out: inout [UInt8]) {
        out += beginning
        beginning = []
    }

    private func seal(isLast: Bool, _ out: inout [UInt8]) throws(AgeError) {
        try chunks.seal(held, isLast: isLast, to: &out)
        held.removeAll(keepingCapacity: true)
    }
}
