internal import Crypto

/// Whom a file is encrypted for: an X25519 public key, written `age1…`.
public struct AgeRecipient: Sendable, Hashable, CustomStringConvertible {
    static let prefix = "age"
    private static let longestShown = 80

    /// As it is written.
    public let text: String
    let key: Curve25519.KeyAgreement.PublicKey

    /// Reads a recipient.
    ///
    /// - Throws: `.recipient`, which shows the text only if it begins as a recipient does: it may be a secret by mistake.
    public init(_ text: String) throws(AgeError) {
        let bytes = try Self.bytes(text)
        do { key = try Curve25519.KeyAgreement.PublicKey(rawRepresentation: bytes) } catch {
            throw Self.error(text, "a key has 32 bytes, this one \(bytes.count)")
        }
        self.text = text
        // With such a point everybody knows the secret.
        guard X25519.agree(Curve25519.KeyAgreement.PrivateKey(), key) != nil else {
            throw Self.error(text, "this key would keep no secret (its point is of low order)")
        }
    }

    init(_ key: Curve25519.KeyAgreement.PublicKey) {
        self.key = key
        text = Bech32.encode(prefix: Self.prefix, [UInt8](key.rawRepresentation))
    }

    public var description: String { text }

    public static func == (a: Self, b: Self) -> Bool { a.text == b.text }

    public func hash(into hasher: inout Hasher) { hasher.combine(text) }

    private static func bytes(_ text: String) throws(AgeError) -> [UInt8] {
        if text.lowercased().hasPrefix("age-secret-key-") {
            throw AgeError(
                .recipient,
                "that is a secret identity; give the recipient that belongs to it (age1…), as age-keygen -y prints it")
        }
        guard text.hasPrefix(prefix + "1") else {
            throw AgeError(
                .recipient, "a recipient begins with age1, as age-keygen prints it; other kinds of keys are not read")
        }
        let decoded: (prefix: String, bytes: [UInt8])
        do throws(Bech32.Flaw) { decoded = try Bech32.decode(text) } catch { throw Self.error(text, error.rawValue) }
        guard decoded.prefix == prefix else {
            throw Self.error(text, "this is a recipient of a plugin; only X25519 recipients are read")
        }
        guard decoded.bytes.count == 32 else {
            throw Self.error(text, "a key has 32 bytes, this one \(decoded.bytes.count)")
        }
        return decoded.bytes
    }

    private static func error(_ text: String, _ reason: String) -> AgeError {
        let shown =
            text.unicodeScalars.count > longestShown
            ? "\(String(String.UnicodeScalarView(text.unicodeScalars.prefix(longestShown))))…" : text
        return AgeError(.recipient, "\(shown): \(reason)")
    }
}
