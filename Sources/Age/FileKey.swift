internal import Crypto

/// The secret of one file, from which its other keys come.
struct FileKey: Sendable {
    static let length = 16

    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// A new one.
    static func random() -> FileKey { FileKey(randomBytes(length)) }

    /// What vouches for a header: nobody without the file's key can make it.
    func mac(_ header: [UInt8]) -> [UInt8] {
        [UInt8](HMAC<SHA256>.authenticationCode(for: header, using: headerKey))
    }

    /// Whether `mac` vouches for a header; takes the same time wherever it differs.
    func vouches(_ mac: [UInt8], for header: [UInt8]) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(mac, authenticating: header, using: headerKey)
    }

    private var headerKey: SymmetricKey { derive(salt: [], info: "header") }

    /// The key of the chunks.
    func payloadKey(nonce: [UInt8]) -> SymmetricKey { derive(salt: nonce, info: "payload") }

    private func derive(salt: [UInt8], info: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: bytes), salt: salt, info: Array(info.utf8), outputByteCount: 32)
    }
}

/// Bytes that nobody can foresee.
func randomBytes(_ count: Int) -> [UInt8] {
    // Lent for the copy.
    unsafe SymmetricKey(size: SymmetricKeySize(bitCount: count * 8)).withUnsafeBytes { unsafe Array($0) }
}
