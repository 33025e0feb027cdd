/// What is looked at when something is set up, before anything is sent.
extension OutboundClient {
    /// Whether a text is a certificate with its key, in PEM.
    public static func check(certificate: String) throws(ConnectorError) {
        do { _ = try TLSContexts.identity(certificate) } catch {
            throw ConnectorError(
                .badSecret, "a client's certificate is PEM: the certificate, those between it and a root, and its key")
        }
    }

    /// Checks a URL as far as that says something of later. Plain http goes to addresses that the operator allows and to no other, so a name
    /// that has another one, or none, is refused now rather than at each attempt.
    public func vet(_ url: OutboundURL) async throws(ConnectorError) {
        try policy.check(url)
        guard !url.isSecure, url.address == nil else { return }
        var addresses: [IPAddress] = []
        do throws(OutboundFailure) {
            addresses = try await resolver.addresses(of: url.host, within: Self.dnsLimit)
        } catch {
            // As if it had none.
        }
        guard !addresses.isEmpty else {
            throw ConnectorError(
                .badURL,
                "use https; plain http is sent to addresses that the operator allows with --allow-private, and \(url.host) has none now"
            )
        }
        try policy.check(addresses, for: url)
    }
}
