internal import Crypto

/// How a file's key is wrapped for one recipient.
enum X25519 {
    static let kind = "X25519"
    private static let info = Array("age-encryption.org/v1/X25519".utf8)
    private static let keyLength = 32
    private static let tagLength = 16
    /// A wrapping key is used once.
    private static let nonce = [UInt8](repeating: 0, count: 12)

    /// The secret that two keys share; nil for the one that everybody knows (all bytes 0).
    static func agree(
        _ key: Curve25519.KeyAgreement.PrivateKey, _ other: Curve25519.KeyAgreement.PublicKey
    ) -> SharedSecret? {
        guard let secret = try? key.sharedSecretFromKeyAgreement(with: other) else { return nil }
        // Every byte is looked at, whatever the others are. Lent for the call.
        let bits = unsafe secret.withUnsafeBytes { bytes in unsafe bytes.reduce(0) { $0 | $1 } }
        return bits == 0 ? nil : secret
    }

    private static func wrappingKey(_ secret: SharedSecret, share: [UInt8], recipient: [UInt8]) -> SymmetricKey {
        secret.hkdfDerivedSymmetricKey(
            using: SHA256.self, salt: share + recipient, sharedInfo: info, outputByteCount: keyLength)
    }

    /// - Parameter ephemeral: a key that is used for this stanza only.
    static func wrap(
        _ file: FileKey, for recipient: AgeRecipient, ephemeral: Curve25519.KeyAgreement.PrivateKey
    ) throws(AgeError) -> Stanza {
        let share = [UInt8](ephemeral.publicKey.rawRepresentation)
        guard let secret = agree(ephemeral, recipient.key) else {
            throw AgeError(.recipient, "\(recipient): this key would keep no secret")
        }
        let key = wrappingKey(secret, share: share, recipient: [UInt8](recipient.key.rawRepresentation))
        do {
            let box = try ChaChaPoly.seal(file.bytes, using: key, nonce: ChaChaPoly.Nonce(data: nonce))
            return Stanza(
                arguments: [kind, String(decoding: Base64.encode(share), as: UTF8.self)],
                body: [UInt8](box.ciphertext) + [UInt8](box.tag))
        } catch {
            throw AgeError(.cipher, "the file's key could not be wrapped")
        }
    }

    /// The file's key; nil if the stanza is for somebody else.
    ///
    /// - Throws: `.header` if it says that it is such a stanza and is none.
    static func unwrap(_ stanza: Stanza, with identity: AgeIdentity) throws(AgeError) -> FileKey? {
        guard stanza.arguments.first == kind else { return nil }
        guard stanza.arguments.count == 2, let share = Base64.decode(stanza.arguments[1].utf8),
            share.count == keyLength, let theirs = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: share)
        else { throw AgeError(.header, "the header's X25519 stanza has no proper key") }
        guard stanza.body.count == FileKey.length + tagLength else {
            throw AgeError(.header, "the header's X25519 stanza does not hold a file's key")
        }
        guard let secret = agree(identity.key, theirs) else {
            throw AgeError(.header, "the header's X25519 stanza has a key that keeps no secret")
        }
        let recipient = [UInt8](identity.key.publicKey.rawRepresentation)
        let key = wrappingKey(secret, share: share, recipient: recipient)
        guard
            let box = try? ChaChaPoly.SealedBox(
                nonce: ChaChaPoly.Nonce(data: nonce), ciphertext: stanza.body.prefix(FileKey.length),
                tag: stanza.body.suffix(tagLength)),
            let opened = try? ChaChaPoly.open(box, using: key)
        else { return nil }
        return FileKey([UInt8](opened))
    }
}
