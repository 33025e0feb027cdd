internal import Crypto
internal import CryptoExtras
internal import Glibc

/// Where an export puts what it cannot keep in memory.
struct Scratch: Sendable {
    let folder: String
    /// Whether what lies there may be read by nobody, not even from the bare disk: for exports that are encrypted.
    var isEncrypted = false

    func file(_ kind: String) throws(ExportError) -> ScratchFile { try ScratchFile(self, kind) }
}

/// A file that has no name, so that it goes with the process: written from its beginning to its end, read anywhere.
final class ScratchFile {
    private let descriptor: Int32
    private let path: String
    private let cipher: ScratchCipher?
    /// How much is written.
    private(set) var size = 0

    fileprivate init(_ scratch: Scratch, _ kind: String) throws(ExportError) {
        (descriptor, path) = try FileSystem.createUnnamed(in: scratch.folder, kind)
        cipher = scratch.isEncrypted ? ScratchCipher() : nil
    }

    deinit { close(descriptor) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(ExportError) {
        if let cipher {
            let sealed = unsafe try cipher.apply(to: bytes, at: size)
            // Lent for the call.
            let written = unsafe sealed.withUnsafeBytes { sealed -> Result<Void, ExportError> in
                Result { () throws(ExportError) in unsafe try FileSystem.write(sealed, to: descriptor, path) }
            }
            try written.get()
        } else {
            unsafe try FileSystem.write(bytes, to: descriptor, path)
        }
        size += bytes.count
    }

    /// Fills a buffer from a place of the file on.
    func read(_ buffer: UnsafeMutableRawBufferPointer, at place: Int) throws(ExportError) {
        let count = unsafe try FileSystem.read(buffer, from: descriptor, at: place, path)
        guard count == buffer.count else {
            throw ExportError(.files, "\(path) is shorter than what was written to it")
        }
        guard let cipher else { return }
        // As many bytes as the buffer has.
        unsafe buffer.copyBytes(from: try cipher.apply(to: UnsafeRawBufferPointer(buffer), at: place))
    }
}

/// AES-256 in counter mode with a key that is drawn for one file and is nowhere but in memory: each byte's key stream follows from
/// its place, so that the file can be read from anywhere. Since every place is written once, no part of the stream is used twice. That
/// nobody changes the file need not be proved: it can be reached through this process alone.
private struct ScratchCipher {
    private static let block = 16
    private let key = SymmetricKey(size: .bits256)

    /// Encrypts what comes to lie at a place of the file, or decrypts what lies there.
    func apply(to bytes: UnsafeRawBufferPointer, at place: Int) throws(ExportError) -> ArraySlice<UInt8> {
        // From the beginning of a block on, since the counter counts these.
        let lead = place % Self.block
        var whole = [UInt8](repeating: 0, count: lead)
        unsafe whole.append(contentsOf: bytes)
        var counter = [UInt8](repeating: 0, count: Self.block)
        let number = UInt64(place / Self.block)
        for i in 0..<8 { counter[Self.block - 1 - i] = UInt8(truncatingIfNeeded: number >> UInt64(8 * i)) }
        do {
            let nonce = try AES._CTR.Nonce(nonceBytes: counter)
            return try Array(AES._CTR.encrypt(whole, using: key, nonce: nonce)).dropFirst(lead)
        } catch {
            throw ExportError(.files, "rows could not be encrypted on their way")
        }
    }
}
