/// Lower-case base 32 without padding (RFC 4648's alphabet), for ids that people read aloud and type.
public enum Base32 {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    /// The shortest form of a number: no leading `a` but for zero itself.
    public static func encode(_ value: UInt64) -> String {
        var rest = value
        var digits: [UInt8] = []
        repeat {
            digits.append(alphabet[Int(rest & 31)])
            rest >>= 5
        } while rest > 0
        return String(decoding: digits.reversed(), as: UTF8.self)
    }

    /// The number that `encode` wrote; nil for any other text.
    public static func decode(_ text: some StringProtocol) -> UInt64? {
        guard !text.isEmpty, text.utf8.count <= 13 else { return nil }
        var value: UInt64 = 0
        for byte in text.utf8 {
            guard let digit = alphabet.firstIndex(of: byte), value >> 59 == 0 else { return nil }
            value = value << 5 | UInt64(digit)
        }
        return encode(value) == text ? value : nil
    }
}

/// A person's public id: `p_` and the base 32 of the group's earliest identity id.
public struct PersonID: Hashable, Sendable {
    /// The earliest identity id of the group.
    public let number: Int64

    public init(_ number: Int64) { self.number = number }

    /// Reads the public form; nil if it is none.
    public init?(_ text: String) {
        guard text.hasPrefix("p_"), let value = Base32.decode(text.dropFirst(2)), let number = Int64(exactly: value)
        else { return nil }
        self.number = number
    }

    public var text: String { "p_" + Base32.encode(UInt64(bitPattern: number)) }
}

extension Base32 {
    /// All bits of some bytes in their order, the last digit filled up with zeros: 52 characters for 32 bytes.
    public static func encode(bytes: [UInt8]) -> String {
        var (digits, buffer, bits): ([UInt8], UInt32, Int) = ([], 0, 0)
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                digits.append(alphabet[Int(buffer >> UInt32(bits) & 31)])
            }
            buffer &= (1 << UInt32(bits)) - 1
        }
        if bits > 0 { digits.append(alphabet[Int(buffer << UInt32(5 - bits) & 31)]) }
        return String(decoding: digits, as: UTF8.self)
    }
}
