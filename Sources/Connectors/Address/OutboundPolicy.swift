/// What may be sent to: everything public over TLS, and what the operator allows.
///
/// The text of a URL proves nothing, since any name may mean any address. So the addresses are judged, all that a name has, each time
/// before something is dialled, and the one that was judged is dialled.
public struct OutboundPolicy: Sendable {
    /// Ranges that the operator allows although they are private, over plain HTTP, too.
    public var allowed: [AddressRange]
    /// Addresses of this machine: a name for the public one leads to the server itself.
    private let own: @Sendable () -> [IPAddress]

    /// Ports of public addresses that other protocols listen on, who may take a request for commands.
    private static let refusedPorts: Set<Int> = [
        1433, 1521, 2049, 2375, 2376, 3306, 3389, 5432, 5900, 5984, 6379, 6443, 9200, 9300, 10250, 11211, 27017,
    ]

    public init(allowed: [AddressRange] = [], own: @escaping @Sendable () -> [IPAddress] = { [] }) {
        self.allowed = allowed
        self.own = own
    }

    /// Whether the operator allows an address.
    public func isAllowed(_ address: IPAddress) -> Bool {
        let plain = address.plain
        return allowed.contains { $0.contains(plain) || $0.contains(address) }
    }

    /// Checks what can be known of a URL before anything is looked up.
    public func check(_ url: OutboundURL) throws(ConnectorError) {
        if let address = url.address { return try check([address], for: url) }
        guard url.isSecure || !allowed.isEmpty else { throw Self.plain }
        // Which port is refused depends on the address where the operator allows any.
        if allowed.isEmpty { try check(port: url.port) }
    }

    /// Checks all addresses that a URL's host has. One that is refused refuses the host: who names both means harm.
    public func check(_ addresses: [IPAddress], for url: OutboundURL) throws(ConnectorError) {
        let own = own()
        for address in addresses where !isAllowed(address) {
            guard !SpecialRanges.contains(address), !own.contains(address.plain) else {
                throw ConnectorError(
                    .blockedAddress,
                    "\(url.host) is an address that nothing is sent to: it is private, reserved, or this machine's. The operator can "
                        + "allow it with --allow-private", isTransient: true)
            }
            guard url.isSecure else { throw Self.plain }
            try check(port: url.port)
        }
    }

    /// Checks the addresses of a host that is dialled by another protocol than HTTP, such as a database's; which port and whether
    /// what is sent can be read on the way is for whoever speaks the protocol.
    public func check(_ addresses: [IPAddress], ofHost host: String) throws(ConnectorError) {
        let own = own()
        for address in addresses where !isAllowed(address) {
            guard !SpecialRanges.contains(address), !own.contains(address.plain) else {
                throw ConnectorError(
                    .blockedAddress,
                    "\(host) is an address that nothing is sent to: it is private, reserved, or this machine's. The operator can "
                        + "allow it with --allow-private", isTransient: true)
            }
        }
    }

    /// Checks the address of a host that is known without asking anybody: that of an address, or of this machine.
    public func check(knownHost host: String) throws(ConnectorError) {
        guard let address = IPAddress(host == "localhost" ? "127.0.0.1" : host) else { return }
        try check([address], ofHost: host)
    }

    /// Whether a port is one of those that databases and the like listen on.
    func isDatabase(port: Int) -> Bool { Self.refusedPorts.contains(port) }

    private func check(port: Int) throws(ConnectorError) {
        guard port == 443 || port == 80 || port >= 1_024 && !isDatabase(port: port) else {
            throw ConnectorError(
                .blockedAddress, "nothing is sent to port \(port); use 443, 80 or one from 1024 that is no database's")
        }
    }

    private static let plain = ConnectorError(
        .badURL,
        "use https; plain http is sent to addresses that the operator allows with --allow-private, and nowhere else")
}
