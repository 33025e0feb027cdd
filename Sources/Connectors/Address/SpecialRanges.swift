/// Ranges that are not somebody else's machine on the public internet (IANA's special-purpose registries, and what clouds keep their
/// metadata at).
enum SpecialRanges {
    /// Of version 4: all of these are refused.
    static let v4 = ranges([
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
    ])

    /// Of version 6 only global unicast is anybody's.
    static let global = ranges(["2000::/3"])

    /// What lies within that and is refused all the same: Teredo, ORCHID, documentation, 6to4, and the rest of IETF's protocols.
    static let v6 = ranges([
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "3ffe::/16",
    ])

    private static func ranges(_ texts: [String]) -> [AddressRange] {
        texts.map { text in
            guard let range = AddressRange(text) else { preconditionFailure("\(text) is no range") }
            return range
        }
    }

    static func contains(_ address: IPAddress) -> Bool {
        let plain = address.plain
        if !plain.isV6 { return v4.contains { $0.contains(plain) } }
        return !global.contains { $0.contains(plain) } || v6.contains { $0.contains(plain) }
    }
}
