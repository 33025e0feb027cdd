import Connectors
import Testing

@Suite("Nothing is sent to addresses that are not somebody else's")
struct AddressTests {
    /// A resolver that says what it is told, and a count of what is dialled: nothing may be.
    struct Fixed: Resolving {
        let found: [IPAddress]
        func addresses(of host: String, within limit: Duration) async throws(OutboundFailure) -> [IPAddress] { found }
    }

    /// The first, the last and one in the middle of each range that is refused.
    static let addresses: [String] = [
        "0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.1.2.3", "10.255.255.255", "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255", "127.0.0.0", "127.0.0.1", "127.1.2.3", "127.255.255.255", "169.254.0.0", "169.254.169.254",
        "169.254.170.2", "169.254.255.255", "172.16.0.0", "172.20.1.1", "172.31.255.255", "192.0.0.0", "192.0.0.170",
        "192.0.0.255", "192.0.2.0", "192.0.2.7", "192.0.2.255", "192.88.99.0", "192.88.99.1", "192.88.99.255",
        "192.168.0.0", "192.168.1.1", "192.168.255.255", "198.18.0.0", "198.19.1.1", "198.19.255.255", "198.51.100.0",
        "198.51.100.9", "198.51.100.255", "203.0.113.0", "203.0.113.9", "203.0.113.255", "224.0.0.0", "224.0.0.251",
        "239.255.255.255", "240.0.0.0", "250.1.1.1", "255.255.255.254", "255.255.255.255", "168.63.129.16",
        "192.31.196.1",
        "192.52.193.1", "192.175.48.1",
        "::", "::1", "::2", "::7f00:1", "::127.0.0.1", "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:7f00:1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:192.168.0.1", "::ffff:172.16.0.1", "::ffff:100.64.0.1",
        "::ffff:0:127.0.0.1", "64:ff9b::", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "64:ff9b::8.8.8.8",
        "100::", "100::1", "100:0:0:1::", "2001::", "2001::1", "2001:0:ffff::1", "2001:2::1", "2001:10::1",
        "2001:20::1",
        "2001:1ff::1", "2001:db8::", "2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2002::",
        "2002:7f00:1::1", "2002:a00:1::1", "2002:c0a8:101::1", "2002:808:808::1", "2620:4f:8000::1", "3fff::1",
        "3fff:fff:ffff::1", "3ffe::1", "4000::1", "5f00::1", "6000::1", "8000::1", "a000::1", "c000::1", "e000::1",
        "f000::1", "f800::1", "fc00::", "fc00::1", "fd00::1", "fd00:ec2::254", "fdff:ffff::1", "fe00::1", "fe80::",
        "fe80::1", "fe80::a9fe:a9fe", "febf:ffff::1", "fec0::1", "feff::1", "ff00::", "ff02::1", "ff02::fb",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]

    /// Spellings that some reader or resolver takes for a private address, and what else no URL of ours may be.
    static let spellings: [String] = [
        "https://0x7f000001/", "https://0x7F000001/", "https://2130706433/", "https://017700000001/", "https://127.1/",
        "https://127.0.1/", "https://0177.0.0.1/", "https://0177.0.0.01/", "https://0x7f.0.0.1/", "https://0x7f.1/",
        "https://127.0.0.0x1/", "https://127.0.0.01/", "https://127.000.000.001/", "https://127.0.0.1./", "https://1/",
        "https://0/", "https://0x0/", "https://00/", "https://0.0/", "https://10.1/", "https://192.168.257/",
        "https://3232235777/", "https://0xc0a80101/", "https://0xa9fea9fe/", "https://2852039166/",
        "https://169.254.43518/", "https://169.16689662/", "https://0251.0376.0251.0376/",
        "https://0xa9.0xfe.0xa9.0xfe/",
        "https://256.256.256.256/", "https://1.2.3.4.5/", "https://127.0.0.1.0x1/", "https://①②⑦.0.0.1/",
        "https://127。0。0。1/", "https://１２７.0.0.1/", "https://[::1%25lo]/", "https://[fe80::1%25eth0]/",
        "https://[::1/", "https://[::1]x/", "https://::1/", "https://[127.0.0.1]/", "https://[]/", "https://[v1.x]/",
        "https://[::ffff:0x7f000001]/", "https://[::ffff:127.1]/", "https://localhost./", "https://example.com./",
        "https://user@10.0.0.1/", "https://user:pw@example.com/", "https://@example.com/",
        "https://example.com@10.0.0.1/",
        "https://10.0.0.1#@example.com/", "https://example.com#x", "https://example.com/#x",
        "https://example.com\\@10.0.0.1/",
        "https:\\\\10.0.0.1\\", "https:/10.0.0.1/", "https:10.0.0.1", "https:///10.0.0.1/", "https:////10.0.0.1",
        "//10.0.0.1/", "10.0.0.1", "/path", "", " https://example.com/", "https://example.com/ x",
        "https://exa mple.com/",
        "https://exam\tple.com/", "https://example.com/\r\nhost: 10.0.0.1", "https://example.com/\n",
        "https://example.com/\u{0}",
        "https://%31%32%37.0.0.1/", "https://127.0.0.1%00.example.com/", "https://127.0.0.1%2f@example.com/",
        "https://example.com:0/", "https://example.com:/", "https://example.com:65536/", "https://example.com:-1/",
        "https://example.com:080/", "https://example.com:0x1bb/", "https://example.com:443:443/",
        "https://example.com:４４３/",
        "https://-example.com/", "https://example-.com/", "https://exa..mple.com/", "https://.example.com/",
        "https://./",
        "https://exämple.com/", "https://ехample.com/", "https://example.com\u{200b}/", "https://ex[a]mple.com/",
        "http+unix://%2Frun%2Fdocker.sock/x", "https+unix://%2Frun%2Fdocker.sock/x", "unix:///run/docker.sock",
        "file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1:6379/_x", "dict://127.0.0.1:11211/",
        "ws://example.com/",
        "wss://example.com/", "javascript:alert(1)", "data:text/plain,x", "jar:http://example.com!/",
        "ldap://127.0.0.1/",
        "tftp://127.0.0.1/", "httpss://example.com/", "HTTPX://example.com/", "https//example.com",
        "https;//example.com",
        "https://" + String(repeating: "a", count: 64) + ".com/",
        "https://example.com/" + String(repeating: "a", count: 2_048),
    ]

    @Test("The table has two hundred entries and more")
    func count() { #expect(Self.addresses.count + Self.spellings.count >= 200) }

    @Test("An address of a special range is refused, spelled out or behind a name", arguments: addresses)
    func refused(_ text: String) async throws {
        let address = try #require(IPAddress(text))
        let client = try OutboundClient(policy: OutboundPolicy(), resolver: Fixed(found: [address]))
        for host in [address.isV6 ? "[\(text)]" : text, "rebound.example"] {
            let url = try OutboundURL("https://\(host)/hook")
            let result = await client.send(OutboundRequest(url: url, timeout: .seconds(2)))
            #expect(result.failure?.code == .blockedAddress && result.peer == nil, "\(host): \(result)")
            #expect(!(result.failure?.message.contains(text) ?? true) || host != "rebound.example")
        }
    }

    @Test("One bad address among good ones refuses the name")
    func mixed() async throws {
        let found = ["1.1.1.1", "127.0.0.1"].compactMap { IPAddress($0) }
        let client = try OutboundClient(policy: OutboundPolicy(), resolver: Fixed(found: found))
        let result = await client.send(
            OutboundRequest(url: try OutboundURL("https://two.example/"), timeout: .seconds(2)))
        #expect(result.failure?.code == .blockedAddress && result.peer == nil)
    }

    @Test("A URL that could be read in two ways is refused", arguments: spellings)
    func spelling(_ text: String) {
        #expect(throws: ConnectorError.self) { try OutboundURL(text) }
    }

    @Test(
        "Public addresses are not refused",
        arguments: [
            "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111", "2a00:1450::1", "2400:cb00::1", "2001:4860:4860::8888", "::ffff:8.8.8.8",
        ])
    func open(_ text: String) throws {
        let url = try OutboundURL("https://open.example/")
        try OutboundPolicy().check([try #require(IPAddress(text))], for: url)
    }

    @Test(
        "Ports that other protocols listen on are refused",
        arguments: [1, 22, 25, 53, 110, 143, 445, 1_023, 2_375, 3_306, 5_432, 6_379, 9_200, 11_211])
    func ports(_ port: Int) throws {
        let url = try OutboundURL("https://1.1.1.1:\(port)/")
        #expect(throws: ConnectorError.self) { try OutboundPolicy().check(url) }
        try OutboundPolicy().check(try OutboundURL("https://1.1.1.1:8443/"))
    }

    @Test("What the operator allows is sent to, over plain HTTP, too; nothing else is")
    func allowed() throws {
        let ranges = ["10.0.0.0/8", "fd00::/8"].compactMap { AddressRange($0) }
        let policy = OutboundPolicy(allowed: ranges)
        try policy.check(try OutboundURL("http://10.1.2.3:22/"))
        try policy.check(try OutboundURL("http://[::ffff:10.1.2.3]/"))
        try policy.check(try OutboundURL("http://[fd00::1]/"))
        for url in ["http://11.0.0.1/", "https://192.168.0.1/", "https://127.0.0.1/", "http://[::1]/"] {
            #expect(throws: ConnectorError.self) { try policy.check(try OutboundURL(url)) }
        }
        // A name may have addresses of both kinds only if both are allowed.
        let name = try OutboundURL("http://name.example/")
        try policy.check(name)
        #expect(throws: ConnectorError.self) {
            try policy.check(["10.0.0.1", "1.1.1.1"].compactMap { IPAddress($0) }, for: name)
        }
        #expect(throws: ConnectorError.self) { try OutboundPolicy().check(name) }
    }

    @Test("The machine's own public address is refused")
    func own() throws {
        let policy = OutboundPolicy(own: { ["5.6.7.8"].compactMap { IPAddress($0) } })
        #expect(throws: ConnectorError.self) { try policy.check(try OutboundURL("https://5.6.7.8/")) }
    }

    @Test(
        "Ranges are read strictly",
        arguments: [
            "", "10", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129", "x/8", "0x0a.0.0.0/8",
            "::ffff:0:0/95",
        ])
    func ranges(_ text: String) { #expect(AddressRange(text) == nil) }
}
