import Connectors
import Testing

@Suite("One request, whatever the receiver does")
struct OutboundClientTests {
    private static let policy = OutboundPolicy(allowed: [AddressRange("127.0.0.0/8")].compactMap { $0 })
    private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

    private func send(
        _ steps: [RawServer.Step], timeout: Duration = .seconds(20), path: String = "/"
    ) async throws -> OutboundResult {
        try await RawServer.with(steps) { server in
            let client = try OutboundClient(policy: Self.policy)
            let url = try OutboundURL("http://127.0.0.1:\(server.port)\(path)")
            return await client.send(OutboundRequest(url: url, body: Array("{}".utf8), timeout: timeout))
        }
    }

    @Test("An answer, with its parts and how long they took")
    func answer() async throws {
        let result = try await send([.send("HTTP/1.1 201 Made\r\nX-One: 1\r\ncontent-length: 5\r\n\r\nhello")])
        let answer = try #require(result.answer)
        #expect(
            answer.status == 201 && answer.body == Array("hello".utf8) && answer.cut == nil && answer["x-one"] == "1")
        #expect(result.peer == "127.0.0.1" && result.failure == nil)
        let timings = result.timings
        #expect(timings.connect != nil && timings.tls == nil && timings.dns == nil && timings.firstByte != nil)
    }

    @Test("A redirect is an answer, and nobody follows it")
    func redirect() async throws {
        let result = try await send([
            .send("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
        ])
        #expect(result.answer?.status == 302 && result.answer?["location"] == "http://127.0.0.1:1/")
    }

    @Test("A body without end is cut, and is a success all the same")
    func endless() async throws {
        let result = try await send([
            .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            .forever("1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n"),
        ])
        #expect(result.answer?.status == 200 && result.answer?.cut == .size && result.answer?.body.count == 16 << 10)
    }

    @Test("A body that drips ends at the deadline")
    func slow() async throws {
        // On a machine that has much else to do the head may take longer than the first of these.
        var result = OutboundResult()
        for seconds in [1, 10, 60, 240] where result.answer == nil {
            result = try await send(
                [.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx"), .wait(600_000), .send("y")],
                timeout: .seconds(seconds))
        }
        #expect(result.answer?.status == 200 && result.answer?.cut == .time && result.answer?.body == [0x78])
    }

    @Test("A head that never comes ends at the deadline")
    func silent() async throws {
        // Likewise: the time may be over before there is a connection.
        var result = OutboundResult()
        for seconds in [1, 10, 60, 240] where result.failure?.code != .headerTimeout {
            result = try await send([.send("HTTP/1.1 200 OK\r\n"), .wait(600_000)], timeout: .seconds(seconds))
        }
        #expect(result.failure?.code == .headerTimeout)
    }

    @Test("Headers of 64 KiB are refused")
    func headers() async throws {
        let result = try await send([
            .send("HTTP/1.1 200 OK\r\nx: \(String(repeating: "x", count: 64 << 10))\r\n\r\n")
        ])
        #expect(result.failure?.code == .headersTooLarge)
    }

    @Test("Many small headers are refused together")
    func manyHeaders() async throws {
        let lines = (0..<200).map { "x-\($0): \(String(repeating: "y", count: 100))\r\n" }.joined()
        let result = try await send([.send("HTTP/1.1 200 OK\r\n\(lines)\r\n")])
        #expect(result.failure?.code == .headersTooLarge)
    }

    @Test("A connection that breaks off before an answer, and one within its body")
    func broken() async throws {
        #expect(try await send([.reset]).failure?.code == .reset)
        #expect(try await send([.close]).failure?.code == .reset)
        let within = try await send([.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), .wait(50), .reset])
        #expect(within.answer?.status == 200 && within.answer?.cut == .connection, "\(within)")
    }

    @Test("What is no HTTP is no answer")
    func malformed() async throws {
        let result = try await send([.send("SSH-2.0-OpenSSH_9\r\n\r\n")])
        #expect(result.failure?.code == .malformed)
    }

    @Test("Nobody listens there")
    func refused() async throws {
        let server = try await RawServer([])
        try await server.close()
        let client = try OutboundClient(policy: Self.policy)
        let url = try OutboundURL("http://127.0.0.1:\(server.port)/")
        let result = await client.send(OutboundRequest(url: url, timeout: .seconds(20)))
        #expect(result.failure?.code == .connectRefused, "\(result)")
    }

    @Test("A receiver that does not speak TLS")
    func noTLS() async throws {
        try await RawServer.with([.send(Self.ok)]) { server in
            let client = try OutboundClient(policy: Self.policy)
            let url = try OutboundURL("https://127.0.0.1:\(server.port)/")
            let result = await client.send(OutboundRequest(url: url, timeout: .seconds(2)))
            #expect([.tls, .connectTimeout, .reset].contains(result.failure?.code), "\(result)")
        }
    }

    @Test("Connections are used again; what breaks is not sent twice")
    func kept() async throws {
        try await RawServer.with([.send(Self.ok)]) { server in
            let client = try OutboundClient(policy: Self.policy)
            let url = try OutboundURL("http://127.0.0.1:\(server.port)/")
            let first = await client.send(OutboundRequest(url: url))
            let second = await client.send(OutboundRequest(url: url))
            #expect(first.timings.connect != nil && second.timings.connect == nil && second.answer?.status == 200)
        }
    }

    /// First a public address, as whoever checks is shown; then one of this machine.
    private final class Rebinding: Resolving {
        func addresses(of host: String, within limit: Duration) async throws(OutboundFailure) -> [IPAddress] {
            [IPAddress("127.0.0.1")].compactMap { $0 }
        }
    }

    @Test("24: a name that changes its address after it was checked is refused when it is dialled")
    func rebinding() async throws {
        try await RawServer.with([.send(Self.ok)]) { server in
            let url = try OutboundURL("https://rebind.example:\(server.port)/")
            let policy = OutboundPolicy()
            try policy.check([IPAddress("93.184.216.34")].compactMap { $0 }, for: url)
            let result = await (try OutboundClient(policy: policy, resolver: Rebinding())).send(
                OutboundRequest(url: url))
            #expect(result.failure?.code == .blockedAddress && result.peer == nil)
        }
    }

    @Test(
        "Plain http is refused where it is set up as it is where it is sent",
        arguments: [
            ("http://a.example/", ["127.0.0.1"], true), ("http://a.example/", ["93.184.216.34"], false),
            ("http://a.example/", ["127.0.0.1", "93.184.216.34"], false), ("http://a.example/", [], false),
            ("http://93.184.216.34/", [], false), ("http://127.0.0.1:8080/", [], true),
            ("https://a.example/", [], true),
        ] as [(String, [String], Bool)])
    func vetted(_ url: String, _ addresses: [String], _ isFine: Bool) async throws {
        let policy = OutboundPolicy(allowed: [try #require(AddressRange("127.0.0.0/8"))])
        let client = try OutboundClient(
            policy: policy, resolver: AddressTests.Fixed(found: addresses.compactMap { IPAddress($0) }))
        let address = try OutboundURL(url)
        if isFine { return try await client.vet(address) }
        await #expect(throws: ConnectorError.self) { try await client.vet(address) }
    }

    @Test("Cancelling ends the request")
    func cancelled() async throws {
        let result = try await RawServer.with([.wait(600_000)]) { server in
            let client = try OutboundClient(policy: Self.policy)
            let url = try OutboundURL("http://127.0.0.1:\(server.port)/")
            return await withTaskGroup(of: OutboundResult.self) { group in
                group.addTask { await client.send(OutboundRequest(url: url, timeout: .seconds(300))) }
                group.cancelAll()
                return await group.next()
            }
        }
        #expect(result?.failure?.code == .cancelled)
    }
}
