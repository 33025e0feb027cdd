internal import Crypto
internal import Glibc

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Seals secrets for the disk with the server's master key (ChaCha20-Poly1305).
public struct SecretBox: Sendable {
    private let key: SymmetricKey

    /// The master key's file in the data folder, which only its owner reads.
    public static let fileName = "master.key"

    public init(key: [UInt8]) throws(ConnectorError) {
        guard key.count == 32 else { throw ConnectorError(.badSecret, "a master key has 32 bytes") }
        self.key = SymmetricKey(data: key)
    }

    /// Takes the key from a text (32 bytes in base 64), or from the data folder, where a new one is made if there is none. Blocking.
    public static func open(directory: String, text: String?) throws(ConnectorError) -> SecretBox {
        if let text {
            guard let data = Data(base64Encoded: text) else {
                throw ConnectorError(.badSecret, "SLUICE_MASTER_KEY is 32 bytes in base 64")
            }
            return try SecretBox(key: Array(data))
        }
        let path = directory + "/" + fileName
        if let bytes = try read(path) {
            let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
            guard let data = Data(base64Encoded: text) else {
                throw ConnectorError(.badSecret, "\(path) is no master key: 32 bytes in base 64")
            }
            return try SecretBox(key: Array(data))
        }
        var random = SystemRandomNumberGenerator()
        let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        try write(Array((Data(key).base64EncodedString() + "\n").utf8), to: path)
        return try SecretBox(key: key)
    }

    /// Another key for one purpose, which says nothing about this one.
    public func derived(for name: String) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(name.utf8), using: key))
    }

    /// - Parameter name: what the secret belongs to; it opens under the same name only.
    public func seal(_ secret: [UInt8], for name: String) throws(ConnectorError) -> [UInt8] {
        do { return Array(try ChaChaPoly.seal(secret, using: key, authenticating: Array(name.utf8)).combined) } catch {
            throw ConnectorError(.badSecret, "a secret cannot be sealed")
        }
    }

    public func open(_ sealed: [UInt8], for name: String) throws(ConnectorError) -> [UInt8] {
        do {
            return Array(
                try ChaChaPoly.open(
                    ChaChaPoly.SealedBox(combined: sealed), using: key, authenticating: Array(name.utf8)))
        } catch {
            throw ConnectorError(
                .badSecret,
                "a secret of \(name) cannot be opened: the master key is another one than it was sealed with")
        }
    }

    /// Nil if there is no such file. One that cannot be read, or is empty, is no reason to make another key: what the first has sealed
    /// would be lost.
    private static func read(_ path: String) throws(ConnectorError) -> [UInt8]? {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure(path, "read")
        }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        // Filled up to the count that read answers.
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { throw failure(path, "read") }
        return Array(buffer[..<count])
    }

    /// Under its name only once it is whole: two that begin at once, or a crash, leave one key.
    private static func write(_ bytes: [UInt8], to path: String) throws(ConnectorError) {
        let temporary = path + ".tmp"
        let descriptor = unsafe Glibc.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path, "written") }
        defer { close(descriptor) }
        // The array is lent for the call.
        let written = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == bytes.count, fsync(descriptor) == 0, unsafe rename(temporary, path) == 0 else {
            throw failure(path, "written")
        }
    }

    private static func failure(_ path: String, _ what: String) -> ConnectorError {
        let number = errno
        let text = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "\(number)"
        return ConnectorError(.badSecret, "the master key \(path) cannot be \(what): \(text)")
    }
}
