internal import CPostgres
internal import Connectors
internal import Glibc

/// Where a connection goes: read from a URL by libpq itself, the host looked up and judged, and whether what is sent can be read on
/// the way.
struct PostgresTarget: Sendable {
    let host: String
    let port: String
    let database: String
    /// libpq's keywords with their values, but for the address.
    private let parameters: [(String, String)]
    private let allowsPlaintext: Bool
    private let mode: String?

    /// - Parameter text: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, or libpq's `host=… dbname=…`.
    init(_ text: String, allowsPlaintext: Bool) throws(ConnectorError) {
        let read = try Self.parse(text)
        self.allowsPlaintext = allowsPlaintext
        host = read["host"] ?? read["hostaddr"] ?? ""
        port = read["port"] ?? "5432"
        database = read["dbname"] ?? read["user"] ?? ""
        mode = read["sslmode"]
        guard !host.isEmpty else { throw ConnectorError(.badSetting, "\"url\" names no host") }
        guard !host.contains(","), !port.contains(",") else {
            throw ConnectorError(.badSetting, "\"url\" names several hosts; name one")
        }
        guard read["service"] == nil, read["passfile"] == nil else {
            throw ConnectorError(
                .badSetting, "\"url\" has \"service\" or \"passfile\", which read files of the server's")
        }
        if let mode, !["require", "verify-ca", "verify-full", "disable", "allow", "prefer"].contains(mode) {
            throw ConnectorError(.badSetting, "\"sslmode\" is require, verify-ca, verify-full or disable")
        }
        parameters = read.filter { !["host", "hostaddr", "sslmode"].contains($0.key) }.map { ($0.key, $0.value) }
            .sorted { $0.0 < $1.0 }
    }

    /// Whether a text has a password in it.
    static func hasPassword(_ text: String) -> Bool { (try? parse(text))?["password"] != nil }

    /// The parameters for a connection to an address that was judged.
    ///
    /// - Parameter warn: is told that what is sent can be read, where that is allowed.
    func parameters(
        _ tools: DestinationTools
    ) async throws(ConnectorError) -> [(String, String)] {
        let isSocket = host.hasPrefix("/")
        let addresses: [IPAddress]
        if isSocket {
            addresses = IPAddress("127.0.0.1").map { [$0] } ?? []
        } else if let address = IPAddress(host) {
            addresses = [address]
        } else {
            do { addresses = try await tools.resolver.addresses(of: host, within: .seconds(10)) } catch {
                throw ConnectorError(.unreachable, error.message, isTransient: true)
            }
        }
        try tools.policy.check(addresses, ofHost: host)
        let isLoopback = isSocket || addresses.allSatisfy(Self.isLoopback)
        var all = parameters
        if !parameters.contains(where: { $0.0 == "password" }) {
            // What is not said libpq takes from the server's own environment and files, which are no secrets of the pipeline's.
            guard unsafe getenv("PGPASSWORD") == nil else {
                throw ConnectorError(
                    .badSetting,
                    "\"url\" has no password, and PGPASSWORD of the server's environment would go to \(host); take it out of there"
                )
            }
        }
        all.append(("passfile", "/nonexistent"))
        all.append(("host", host))
        // The address that was judged is the one that is dialled.
        if !isSocket, let address = addresses.first { all.append(("hostaddr", address.description)) }
        let mode = self.mode ?? (isLoopback ? "prefer" : "require")
        if ["disable", "allow", "prefer"].contains(mode), !isSocket {
            guard isLoopback || allowsPlaintext else {
                throw ConnectorError(
                    .badSetting,
                    "sslmode=\(mode) sends passwords and rows as plain text to \(host); use sslmode=require or better, or say "
                        + "allow_plaintext: true")
            }
            if !allowsPlaintext {
                tools.warn("rows go to PostgreSQL at \(host) as plain text, which is let pass within this machine")
            }
        }
        all += [
            ("sslmode", mode), ("connect_timeout", "10"), ("application_name", "sluice"), ("client_encoding", "UTF8"),
            ("keepalives_idle", "20"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "60000"),
        ]
        return all
    }

    private static func isLoopback(_ address: IPAddress) -> Bool {
        let plain = address.plain
        return plain.isV6 ? plain.description == "::1" : plain.bytes[0] == 127
    }

    private static func parse(_ text: String) throws(ConnectorError) -> [String: String] {
        var reason: UnsafeMutablePointer<CChar>?
        // The list is the call's, and freed below; what is kept of it is copied. Its own reason may show the password.
        let list = unsafe PQconninfoParse(text, &reason)
        defer {
            unsafe PQconninfoFree(list)
            unsafe PQfreemem(reason)
        }
        guard let list = unsafe list else {
            throw ConnectorError(
                .badSetting, "\"url\" is no address of PostgreSQL; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
        }
        var found: [String: String] = [:]
        var entry = unsafe list
        while let keyword = unsafe entry.pointee.keyword {
            if let value = unsafe entry.pointee.val {
                unsafe found[String(cString: keyword)] = String(cString: value)
            }
            unsafe entry += 1
        }
        return found
    }
}
