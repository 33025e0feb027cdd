/// Base64 without padding, in the one form that each sequence of bytes has: headers are compared as bytes.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 256)
        for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var held: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes {
            held = (held << 8 | UInt32(byte)) & 0xffff
            bits += 8
            while bits >= 6 {
                bits -= 6
                out.append(alphabet[Int(held >> bits & 63)])
            }
        }
        if bits > 0 { out.append(alphabet[Int(held << (6 - bits) & 63)]) }
        return out
    }

    /// The bytes; nil for another alphabet, for padding, and for bits left over that are not 0.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        var held: UInt32 = 0
        var bits: UInt32 = 0
        for letter in text {
            guard let value = values[Int(letter)] else { return nil }
            held = (held << 6 | UInt32(value)) & 0xffff
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            out.append(UInt8(held >> bits & 0xff))
        }
        return bits < 6 && held & (1 << bits - 1) == 0 ? out : nil
    }
}
