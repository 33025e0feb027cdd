/// Bech32 as BIP 173 has it, for texts of any length: a prefix, `1`, and data with a checksum over both.
enum Bech32 {
    /// What is wrong with a text. None of the reasons holds a part of it.
    enum Flaw: String, Error {
        case mixedCase = "small and capital letters are mixed"
        case character = "it has a character that does not belong there"
        case separator = "no key follows its prefix"
        case checksum = "the checksum does not match; was it copied whole?"
        case padding = "it does not hold whole bytes"
    }

    private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 128)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()
    private static let checksumLength = 6

    /// The prefix in small letters, and the bytes.
    static func decode(_ text: String) throws(Flaw) -> (prefix: String, bytes: [UInt8]) {
        var letters = Array(text.utf8)
        guard letters.allSatisfy({ (33...126).contains($0) }) else { throw .character }
        let small = letters.contains { (0x61...0x7a).contains($0) }
        let capital = letters.contains { (0x41...0x5a).contains($0) }
        guard !(small && capital) else { throw .mixedCase }
        if capital { letters = letters.map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 } }
        guard let end = letters.lastIndex(of: UInt8(ascii: "1")), end > 0, letters.count - end > checksumLength else {
            throw .separator
        }
        let prefix = Array(letters[..<end])
        var groups: [UInt8] = []
        for letter in letters[(end + 1)...] {
            guard let value = values[Int(letter)] else { throw .character }
            groups.append(value)
        }
        guard polymod(spread(prefix) + groups) == 1 else { throw .checksum }
        return (String(decoding: prefix, as: UTF8.self), try bytes(of: groups.dropLast(checksumLength)))
    }

    /// The text of bytes, in small letters.
    static func encode(prefix: String, _ bytes: [UInt8]) -> String {
        let prefix = Array(prefix.utf8)
        var groups = groups(of: bytes)
        let sum = polymod(spread(prefix) + groups + [UInt8](repeating: 0, count: checksumLength)) ^ 1
        for i in 0..<checksumLength { groups.append(UInt8(sum >> UInt32(5 * (checksumLength - 1 - i)) & 31)) }
        return String(decoding: prefix + [UInt8(ascii: "1")] + groups.map { alphabet[Int($0)] }, as: UTF8.self)
    }

    /// The prefix as the checksum counts it.
    private static func spread(_ prefix: [UInt8]) -> [UInt8] { prefix.map { $0 >> 5 } + [0] + prefix.map { $0 & 31 } }

    private static func polymod(_ values: [UInt8]) -> UInt32 {
        let generator: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
        var sum: UInt32 = 1
        for value in values {
            let top = sum >> 25
            sum = (sum & 0x1ff_ffff) << 5 ^ UInt32(value)
            for i in 0..<5 where top >> UInt32(i) & 1 == 1 { sum ^= generator[i] }
        }
        return sum
    }

    /// Eight bits from groups of five; what is left over are fewer than five bits, all 0.
    private static func bytes(of groups: ArraySlice<UInt8>) throws(Flaw) -> [UInt8] {
        var out: [UInt8] = []
        var held: UInt32 = 0
        var bits: UInt32 = 0
        for group in groups {
            held = (held << 5 | UInt32(group)) & 0xfff
            bits += 5
            guard bits >= 8 else { continue }
            bits -= 8
            out.append(UInt8(held >> bits & 0xff))
        }
        guard bits < 5, held & (1 << bits - 1) == 0 else { throw .padding }
        return out
    }

    private static func groups(of bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var held: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes {
            held = (held << 8 | UInt32(byte)) & 0xfff
            bits += 8
            while bits >= 5 {
                bits -= 5
                out.append(UInt8(held >> bits & 31))
            }
        }
        if bits > 0 { out.append(UInt8(held << (5 - bits) & 31)) }
        return out
    }
}
