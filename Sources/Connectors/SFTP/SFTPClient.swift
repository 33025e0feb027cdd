internal import Model

/// Puts, reads, lists and removes files of one server by SFTP, through libcurl. Names are looked up and judged first, and what was
/// judged is dialled; the server is known by its key or not spoken to.
public struct SFTPClient: Sendable {
    public let place: SFTPPlace
    /// Where files are: from the root if it begins with a slash, else from where one is after the log-in. Without a slash at its end.
    public let folder: String
    private let policy: OutboundPolicy
    private let resolver: any Resolving

    public init(
        _ place: SFTPPlace, folder: String, policy: OutboundPolicy, resolver: any Resolving
    ) throws(ConnectorError) {
        guard Self.isPath(folder) else {
            throw ConnectorError(
                .badSetting, "\"path\" is a folder such as in/events, without . and .., quotes, and backslashes")
        }
        self.place = place
        var folder = folder
        while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
        self.folder = folder
        self.policy = policy
        self.resolver = resolver
        try policy.check(place.address.map { [$0] } ?? [], ofHost: place.host)
        try checkPort(place.address.map { [$0] } ?? [])
    }

    private static func isPath(_ text: String) -> Bool {
        text.utf8.count <= 900 && !PathText.hasDots(text) && text.utf8.first != UInt8(ascii: "~")
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f && !"\"'\\*?".utf8.contains($0) }
    }

    private func checkPort(_ addresses: [IPAddress]) throws(ConnectorError) {
        for address in addresses where !policy.isAllowed(address) {
            guard place.port == 22 || place.port >= 1_024 && !policy.isDatabase(port: place.port) else {
                throw ConnectorError(.blockedAddress, "no files are sent to port \(place.port); use 22")
            }
        }
    }

    /// A path as the server's commands have it.
    private func path(_ name: String) -> String {
        folder.isEmpty ? name : folder == "/" ? "/" + name : "\(folder)/\(name)"
    }

    private func url(_ name: String) -> String {
        let path = path(name)
        let host = place.address?.isV6 == true ? "[\(place.host)]" : place.host
        let encoded = PercentText.encoded(path, keepsSlashes: true)
        return "sftp://\(host):\(place.port)" + (path.hasPrefix("/") ? encoded : "/~/\(encoded)")
    }

    /// Connects and logs in; the folder need not be there.
    public func check() async throws(ConnectorError) { _ = try await list() }

    /// The names in the folder; none if it is not there.
    public func list() async throws(ConnectorError) -> [String] {
        guard let bytes = try await transfer(url("")).read(most: 64 << 20) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { $0 != "." && $0 != ".." }
    }

    /// A small file whole; nil if it is not there.
    public func get(_ name: String, most: Int) async throws(ConnectorError) -> [UInt8]? {
        try await transfer(url(name)).read(most: most)
    }

    /// A file piece by piece, on the transfer's own thread; false if it is not there.
    public func read(_ name: String, _ body: @escaping @Sendable ([UInt8]) -> Void) async throws(ConnectorError) -> Bool
    {
        try await transfer(url(name)).read(body)
    }

    /// Puts a file under a temporary name and gives it its own, so that nobody sees a part of it.
    public func put(file: String, as name: String) async throws(ConnectorError) {
        try await put(.file(file), as: name)
    }

    /// Puts a small file in the same way.
    public func put(_ bytes: [UInt8], as name: String) async throws(ConnectorError) {
        try await put(.bytes(bytes), as: name)
    }

    private func put(_ source: SFTPTransfer.Source, as name: String) async throws(ConnectorError) {
        let temporary = ".\(name).partial"
        var transfer = transfer(url(temporary))
        transfer.source = source
        // Servers of the protocol's third version rename over nothing that is there.
        transfer.after = ["*rm \"\(path(name))\"", "rename \"\(path(temporary))\" \"\(path(name))\""]
        try await transfer.run()
    }

    /// Removes a file; nothing if it is not there.
    public func remove(_ name: String) async throws(ConnectorError) {
        var transfer = transfer(url(""))
        transfer.isOnlyCommands = true
        transfer.before = ["*rm \"\(path(name))\""]
        try await transfer.run()
    }

    private func transfer(_ url: String) -> SFTPTransfer {
        SFTPTransfer(place: place, url: url) { () async throws(ConnectorError) in try await addresses() }
    }

    private func addresses() async throws(ConnectorError) -> [IPAddress] {
        let addresses: [IPAddress]
        if let address = place.address {
            addresses = [address]
        } else {
            do { addresses = try await resolver.addresses(of: place.host, within: .seconds(5)) } catch {
                throw ConnectorError(.unreachable, error.message, isTransient: true)
            }
        }
        try policy.check(addresses, ofHost: place.host)
        try checkPort(addresses)
        return addresses
    }
}
