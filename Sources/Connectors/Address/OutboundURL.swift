/// A URL that something can be sent to, read strictly: what two programs could read in two ways is refused.
public struct OutboundURL: Hashable, Sendable, CustomStringConvertible {
    /// Whether it is `https`; else it is `http`.
    public let isSecure: Bool
    /// The name in lower case, or an address without brackets.
    public let host: String
    public let port: Int
    /// Path and query, beginning with a slash.
    public let target: String
    /// The address, where the host is one.
    public let address: IPAddress?

    /// The most bytes of a URL.
    public static let mostBytes = 2_048

    public init(_ text: String) throws(ConnectorError) {
        guard text.utf8.count <= Self.mostBytes else { throw Self.error("is longer than \(Self.mostBytes) bytes") }
        guard
            text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x5c && $0 != 0x22 && $0 != 0x3c && $0 != 0x3e })
        else {
            throw Self.error(
                "has characters that a URL cannot have; write names of other scripts as xn--… and the rest as %XX")
        }
        guard let colon = text.range(of: "://") else { throw Self.scheme }
        switch text[..<colon.lowerBound].lowercased() {
        case "https": isSecure = true
        case "http": isSecure = false
        default: throw Self.scheme
        }
        let rest = text[colon.upperBound...]
        guard !rest.contains("#") else { throw Self.error("has a fragment (#…), which is never sent") }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains("@") else {
            throw Self.error("has a user or password in it; set the header authorization instead")
        }
        let (name, digits) = try Self.split(authority)
        let path = rest[end...]
        target = path.hasPrefix("/") ? String(path) : "/" + path
        port = try Self.port(digits, standard: isSecure ? 443 : 80)
        (host, address) = try Self.host(name)
    }

    /// Host and port, of which the latter may be nil.
    private static func split(_ authority: Substring) throws(ConnectorError) -> (Substring, Substring?) {
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { throw error("has an address without its bracket") }
            let after = authority[authority.index(after: close)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw error("has something after an address") }
            return (authority[...close], after.isEmpty ? nil : after.dropFirst())
        }
        guard let colon = authority.firstIndex(of: ":") else { return (authority, nil) }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    private static func port(_ digits: Substring?, standard: Int) throws(ConnectorError) -> Int {
        guard let digits else { return standard }
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let port = Int(digits),
            (1...65_535).contains(port), !digits.hasPrefix("0")
        else { throw error("has a port that is none") }
        return port
    }

    private static func host(_ name: Substring) throws(ConnectorError) -> (String, IPAddress?) {
        guard !name.isEmpty else { throw error("has no host") }
        if name.hasPrefix("[") {
            let inside = name.dropFirst().dropLast()
            guard inside.contains(":"), let address = IPAddress(inside) else {
                throw error("has an address that is none")
            }
            return (address.description, address)
        }
        let lower = name.lowercased()
        let labels = lower.split(separator: ".", omittingEmptySubsequences: false)
        guard lower.utf8.count <= 253, labels.allSatisfy(isLabel), let last = labels.last else {
            throw error("has a host that is no name: parts of a-z, 0-9 and -, without a dot at the end")
        }
        // Where a name ends in a number, other readers take it for an address, in one of many spellings.
        guard !isNumber(last) else {
            guard let address = IPAddress(lower) else {
                throw error("has an address in a form that is not read; write it as four decimal numbers")
            }
            return (lower, address)
        }
        return (lower, nil)
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
            && label.utf8.allSatisfy { $0 &- 48 < 10 || $0 &- 97 < 26 || $0 == 0x2d || $0 == 0x5f }
    }

    private static func isNumber(_ label: Substring) -> Bool {
        label.utf8.allSatisfy { $0 &- 48 < 10 }
            || label.hasPrefix("0x") && label.dropFirst(2).utf8.allSatisfy { $0 &- 48 < 10 || $0 &- 97 < 6 }
    }

    /// The host as it stands in a URL and in the header `host`, with the port if it is not the usual one.
    public var authority: String {
        let name = address?.isV6 == true ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// Scheme, host and port alone.
    public var origin: String { "\(isSecure ? "https" : "http")://\(authority)" }

    public var description: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

    private static let scheme = error("must begin with https:// (or http:// where the operator allows it)")

    private static func error(_ what: String) -> ConnectorError { ConnectorError(.badURL, "the URL \(what)") }
}

extension String {
    fileprivate func range(of part: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(part) { return at..<index(at, offsetBy: part.count) }
            at = index(after: at)
        }
        return nil
    }
}
