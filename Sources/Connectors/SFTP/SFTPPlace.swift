/// A server that takes files by SFTP, and who logs in there.
public struct SFTPPlace: Sendable {
    public var host: String
    /// The address, where the host is one.
    public var address: IPAddress?
    public var port: Int
    public var username: String
    public var password: String?
    /// A private key, as text.
    public var key: String?
    public var passphrase: String?
    /// Lines as in a file known_hosts.
    public var knownHosts: String

    /// - Parameters:
    ///   - text: `HOST[:PORT]`; the port is 22 if it is not said.
    ///   - knownHosts: lines of a file known_hosts, or the host's key alone: `ssh-ed25519 AAAA…`.
    public init(
        _ text: String, username: String, password: String?, key: String?, passphrase: String?, knownHosts: String
    ) throws(ConnectorError) {
        guard !text.contains(where: { "/?#@\\".contains($0) }), let url = try? OutboundURL("https://\(text)/") else {
            throw ConnectorError(
                .badSetting, "\"host\" is a server's name, with a port if need be: files.example.com:22")
        }
        host = url.host
        address = url.address
        // What was written is told from what is usual for the web.
        port = url.port != 443 || text.hasSuffix(":443") ? url.port : 22
        guard (password == nil) != (key == nil) else {
            throw ConnectorError(.badSetting, "\"password\" or \"key\" says how to log in, and one of them alone")
        }
        for text in [username, password ?? "", passphrase ?? ""] {
            guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                throw ConnectorError(
                    .badSetting, "\"username\", \"password\" and \"passphrase\" are each one line of text")
            }
        }
        guard !(key ?? "").utf8.contains(0), !username.isEmpty else {
            throw ConnectorError(.badSetting, "\"username\" is empty, or \"key\" is no private key")
        }
        self.username = username
        self.password = password
        // A file's last line may have lost its end on the way, without which some keys are not read.
        self.key = key.map { $0.hasSuffix("\n") ? $0 : $0 + "\n" }
        self.passphrase = passphrase
        let name = port == 22 ? host : "[\(host)]:\(port)"
        var lines: [String] = []
        for line in knownHosts.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " ")
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count >= 2, !line.utf8.contains(0) else { throw Self.badKey }
            let isKeyAlone = first.hasPrefix("ssh-") || first.hasPrefix("ecdsa-") || first.hasPrefix("sk-")
            guard isKeyAlone || words.count >= 3 else { throw Self.badKey }
            lines.append(isKeyAlone ? "\(name) \(line)" : String(line))
        }
        guard !lines.isEmpty else { throw Self.badKey }
        self.knownHosts = lines.joined(separator: "\n") + "\n"
    }

    private static let badKey = ConnectorError(
        .badSetting,
        "\"known_hosts\" has the server's key, as ssh-keyscan HOST prints it: files.example.com ssh-ed25519 AAAA…; a server that is not "
            + "known is not spoken to")
}
