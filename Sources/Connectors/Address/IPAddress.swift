internal import Glibc

/// An address of the internet, version 4 or 6.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes, as they go over the network.
    public let bytes: [UInt8]

    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads four decimal parts, or RFC 4291's form. Whatever else some resolvers take for an address (`0x7f000001`, `127.1`,
    /// octal parts, a zone after `%`) is none.
    public init?(_ text: some StringProtocol) {
        let isV6 = text.utf8.contains(UInt8(ascii: ":"))
        // An embedded zero would end the C string early.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: isV6 ? 16 : 4)
        // The call reads the text and fills the bytes that it is lent.
        let found = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe inet_pton(isV6 ? AF_INET6 : AF_INET, String(text), buffer.baseAddress)
        }
        guard found == 1 else { return nil }
        self.bytes = bytes
    }

    public var isV6: Bool { bytes.count == 16 }

    /// The address in its usual form.
    public var description: String {
        var text = [CChar](repeating: 0, count: 46)
        // The call reads the bytes and fills the text that it is lent.
        let made = unsafe bytes.withUnsafeBytes { buffer in
            unsafe inet_ntop(isV6 ? AF_INET6 : AF_INET, buffer.baseAddress, &text, socklen_t(text.count)) != nil
        }
        guard made else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The address of version 4 that this is another spelling of (`::ffff:127.0.0.1`); itself for all others.
    public var plain: IPAddress {
        guard isV6, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff else { return self }
        return IPAddress(bytes: Array(bytes[12...])) ?? self
    }
}

/// Addresses that begin with the same bits: `10.0.0.0/8`.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    public let address: IPAddress
    public let bits: Int

    /// Reads `ADDRESS/BITS`, or one address alone.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
        let most = address.bytes.count * 8
        var bits = most
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...most).contains(given), parts[1].utf8.allSatisfy({ $0 != 0x2b }) else {
                return nil
            }
            bits = given
        }
        // A mapped range means the one of version 4.
        let plain = address.plain
        if plain.isV6 != address.isV6 {
            guard bits >= 96 else { return nil }
            bits -= 96
        }
        self.address = plain
        self.bits = bits
    }

    public func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let whole = bits / 8
        guard other.bytes[..<whole] == address.bytes[..<whole] else { return false }
        guard bits % 8 > 0 else { return true }
        return (other.bytes[whole] ^ address.bytes[whole]) >> UInt8(8 - bits % 8) == 0
    }

    public var description: String { "\(address)/\(bits)" }
}
