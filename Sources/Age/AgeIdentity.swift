internal import Crypto

/// The secret that opens files: an X25519 private key, written `AGE-SECRET-KEY-1…`. It shows itself to nobody, not even
/// to a debugger's print.
public struct AgeIdentity: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    static let prefix = "age-secret-key-"

    let key: Curve25519.KeyAgreement.PrivateKey

    /// Reads an identity.
    ///
    /// - Throws: `.identity`; nothing of the text is in the error.
    public init(_ text: String) throws(AgeError) {
        if text.hasPrefix("AGE-PLUGIN-") {
            throw AgeError(.identity, "this is an identity of a plugin; only AGE-SECRET-KEY-1… is read")
        }
        if text.hasPrefix("age1") {
            throw AgeError(.identity, "this is a recipient; the identity that belongs to it is needed")
        }
        guard text.hasPrefix("AGE-SECRET-KEY-1") else {
            throw AgeError(.identity, "an identity begins with AGE-SECRET-KEY-1, as age-keygen writes it")
        }
        let decoded: (prefix: String, bytes: [UInt8])
        do throws(Bech32.Flaw) { decoded = try Bech32.decode(text) } catch { throw AgeError(.identity, error.rawValue) }
        guard decoded.prefix == Self.prefix, decoded.bytes.count == 32,
            let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: decoded.bytes)
        else { throw AgeError(.identity, "the secret key does not have 32 bytes") }
        self.key = key
    }

    init(key: Curve25519.KeyAgreement.PrivateKey) { self.key = key }

    /// Whom files are encrypted for that this identity opens.
    public var recipient: AgeRecipient { AgeRecipient(key.publicKey) }

    public var description: String { "identity of \(recipient)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["recipient": recipient.text]) }
}

extension AgeIdentity {
    /// Reads an identity file, as `age-keygen` writes it: an identity a line; empty lines and those with `#` do not count.
    ///
    /// - Throws: `.identity` that names the line; nothing that stands there is in the error.
    public static func list(file text: String) throws(AgeError) -> [AgeIdentity] {
        if text.hasPrefix("age-encryption.org/") || text.hasPrefix("-----BEGIN AGE ENCRYPTED FILE-----") {
            throw AgeError(.identity, "the identity file is itself encrypted; open it first: age -d")
        }
        var identities: [AgeIdentity] = []
        // By bytes: to a text, a line's end of two characters is one that is neither.
        for (number, line) in text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            let line = trimmed(line)
            if line.isEmpty || line.hasPrefix("#") { continue }
            do throws(AgeError) { identities.append(try AgeIdentity(line)) } catch {
                throw AgeError(.identity, "line \(number + 1): \(error.message)")
            }
        }
        guard !identities.isEmpty else { throw AgeError(.identity, "there is no identity (AGE-SECRET-KEY-1…) in it") }
        return identities
    }

    /// A line without its spaces and the carriage return of other systems' files.
    private static func trimmed(_ line: Substring.UTF8View) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }
        let bytes = line.drop(while: isSpace)
        let end = bytes.lastIndex { !isSpace($0) }.map { bytes.index(after: $0) } ?? bytes.startIndex
        return String(decoding: bytes[..<end], as: UTF8.self)
    }
}
