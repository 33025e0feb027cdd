internal import Crypto
internal import Model

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// The texts of keys and ids.
enum KeyText {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// A new key: the prefix and 40 characters from the system's random numbers, 238 bits.
    static func make(prefix: String) -> String {
        // `SystemRandomNumberGenerator` reads getrandom(2); `randomElement` draws without bias.
        var random = SystemRandomNumberGenerator()
        let characters = (0..<40).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
        return prefix + String(decoding: characters, as: UTF8.self)
    }

    /// A new id of a record: its time of making in ms and 20 random bits, so that ids sort by age as numbers.
    static func makeID(prefix: String) -> String {
        let milliseconds = UInt64(max(0, now().microseconds / 1000))
        return prefix + Base32.encode(milliseconds << 20 | UInt64.random(in: 0..<(1 << 20)))
    }
}

/// The SHA-256 of a secret or of a request.
public struct Digest256: Hashable, Sendable {
    /// 32 bytes.
    public let bytes: [UInt8]

    public init(of text: [UInt8]) { bytes = Array(SHA256.hash(data: text)) }

    /// The digest as kept; nil if the bytes are not 32.
    init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Compares all bytes whatever they hold, so that the time taken tells nothing.
    public func equalsInConstantTime(_ other: Digest256) -> Bool {
        var difference: UInt8 = 0
        for i in 0..<32 { difference |= bytes[i] ^ other.bytes[i] }
        return difference == 0
    }
}
