internal import Crypto

/// The payload's cipher: chunks of 64 KiB, each sealed under its number and whether it is the last, so that none can be
/// changed, moved, left out or added (STREAM).
struct Chunks {
    /// Of what is encrypted.
    static let length = 64 << 10
    static let tagLength = 16
    static let sealedLength = length + tagLength
    static let nonceLength = 16

    private let key: SymmetricKey
    /// How many chunks are done.
    private(set) var done: UInt64 = 0

    init(key: SymmetricKey) { self.key = key }

    /// Encrypts the next chunk.
    mutating func seal(_ plain: [UInt8], isLast: Bool, to out: inout [UInt8]) throws(AgeError) {
        do {
            let box = try ChaChaPoly.seal(plain, using: key, nonce: nonce(isLast))
            out += box.ciphertext
            out += box.tag
        } catch {
            throw AgeError(.cipher, "a chunk could not be encrypted")
        }
        done += 1
    }

    /// Opens the next chunk; false, and nothing in `out`, if these are not the bytes that were written.
    mutating func open(_ sealed: [UInt8], isLast: Bool, to out: inout [UInt8]) -> Bool {
        guard
            let box = try? ChaChaPoly.SealedBox(
                nonce: nonce(isLast), ciphertext: sealed.dropLast(Self.tagLength), tag: sealed.suffix(Self.tagLength)),
            let plain = try? ChaChaPoly.open(box, using: key)
        else { return false }
        out += plain
        done += 1
        return true
    }

    /// Eleven bytes of the chunk's number, most significant first, and one that says whether it is the last.
    private func nonce(_ isLast: Bool) throws -> ChaChaPoly.Nonce {
        var bytes = [UInt8](repeating: 0, count: 12)
        for i in 0..<8 { bytes[10 - i] = UInt8(truncatingIfNeeded: done >> UInt64(8 * i)) }
        bytes[11] = isLast ? 1 : 0
        return try ChaChaPoly.Nonce(data: bytes)
    }
}
