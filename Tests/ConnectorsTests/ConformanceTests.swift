import Connectors
import Model
import Synchronization
import Testing

@Suite("Every connector keeps the contract")
struct ConformanceTests {
    /// Settings that each kind works with; a kind without any fails the first test.
    private static let settings: [String: JSONValue] = [
        "webhook": [
            "url": "https://r.example/", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "headers": ["authorization": "Bearer x"],
        ],
        "http": ["url": "https://r.example/", "method": "PUT", "body": #"{"what": {{data.event}}}"#],
        "slack": ["url": "https://hooks.slack.example/services/x", "text": "{{data.event}}!"],
    ]
    private static let message = OutboundMessage(
        id: "msg_1", type: "event.recorded",
        body: Array(#"{"type":"event.recorded","data":{"event":"A \"b\" <!channel>\n"}}"#.utf8))

    private final class Fake: OutboundSending {
        let seen = Mutex<[OutboundRequest]>([])
        func send(_ request: OutboundRequest) async -> OutboundResult {
            seen.withLock { $0.append(request) }
            return OutboundResult(answer: OutboundAnswer(status: 200))
        }
    }

    private func make(_ kind: String, _ settings: JSONValue, _ http: Fake = Fake()) throws -> any Connector {
        try ConnectorRegistry.builtin.make(
            kind, settings, secrets: SecretResolver(),
            tools: ConnectorTools(http: http, policy: OutboundPolicy(), seconds: { 1_700_000_000 }))
    }

    @Test(
        "It is made from its settings and delivers by one request, the same each time",
        arguments: ConnectorRegistry.builtin.kinds)
    func delivers(_ kind: String) async throws {
        let http = Fake()
        let connector = try make(kind, try #require(Self.settings[kind]), http)
        try await connector.check()
        for _ in 0..<2 { #expect(await connector.deliver(Self.message).answer?.status == 200) }
        let seen = http.seen.withLock { $0 }
        #expect(seen.count == 2 && seen[0].body == seen[1].body && seen[0].url == seen[1].url)
        #expect(seen[0].headers.map(\.name) == seen[1].headers.map(\.name))
        let body = seen[0].body
        #expect((try? JSONValue(body.span)) != nil, "\(String(decoding: body, as: UTF8.self))")
        for (name, value) in seen[0].headers {
            #expect(name == name.lowercased() && !value.utf8.contains { $0 < 0x20 || $0 > 0x7e })
        }
    }

    @Test(
        "It refuses settings that it does not know, that are missing, and private addresses",
        arguments: ConnectorRegistry.builtin.kinds)
    func refuses(_ kind: String) throws {
        let settings = try #require(Self.settings[kind])
        guard case .object(let members) = settings else { return }
        #expect(throws: ConnectorError.self) { try make(kind, .object(members + [.init("unknown", 1)])) }
        let type = try #require(ConnectorRegistry.builtin.types.first { $0.kind == kind })
        for field in type.fields where field.isRequired {
            #expect(throws: ConnectorError.self) { try make(kind, .object(members.filter { $0.key != field.name })) }
        }
        for url in ["http://r.example/", "https://10.0.0.1/", "https://0x7f.1/"] {
            let changed = members.map { $0.key == "url" ? JSONValue.Member("url", .string(url)) : $0 }
            #expect(throws: ConnectorError.self) { try make(kind, .object(changed)) }
        }
        for field in type.fields { #expect(!field.help.isEmpty) }
    }

    @Test("Templates put JSON in, and what is not there is null")
    func templates() throws {
        let document: JSONValue = ["a": ["b": "x\"y"], "n": 5]
        #expect(
            try Template(#"{"v": {{a.b}}, "n": {{ n }}, "z": {{a.c.d}}}"#).text(document)
                == #"{"v": "x\"y", "n": 5, "z": null}"#)
        for broken in ["{{a", "{{}}", "{{a..b}}"] { #expect(throws: ConnectorError.self) { try Template(broken) } }
    }

    @Test("What was collected neither calls people in Slack nor makes links")
    func slack() async throws {
        let http = Fake()
        _ = await (try make("slack", try #require(Self.settings["slack"]), http)).deliver(Self.message)
        let body = http.seen.withLock { $0[0].body }
        #expect(try JSONValue(body.span)["text"]?.stringValue == "A \"b\" &lt;!channel&gt;\n!")
    }

    @Test("Secrets by reference: only what the operator has opened")
    func secrets() throws {
        let shut = SecretResolver()
        #expect(throws: ConnectorError.self) { try shut.resolve(SecretReference("secret://env/PATH")) }
        #expect(throws: ConnectorError.self) { try shut.resolve(SecretReference("secret://file/etc/passwd")) }
        let open = SecretResolver(environmentPrefix: "PA", folder: "/proc/self")
        #expect(try !open.resolve(SecretReference("secret://env/PATH")).isEmpty)
        #expect(throws: ConnectorError.self) { try open.resolve(SecretReference("secret://env/HOME")) }
        for path in ["../../etc/passwd", "/etc/passwd", "root/etc/passwd", ""] {
            #expect(throws: ConnectorError.self) { try open.resolve(SecretReference("secret://file/\(path)")) }
        }
        // The whole disk, for the folder's owner.
        let all = SecretResolver(environmentPrefix: "", folder: "/")
        for path in ["proc/self/comm", "/proc/self/comm"] {
            #expect(try !all.resolve(SecretReference("secret://file/\(path)")).isEmpty)
        }
        for text in ["secret://", "secret://vault/x", "secret://env/", "env/X"] {
            #expect(throws: ConnectorError.self) { try SecretReference(text) }
        }
    }

    @Test(
        "Headers that the sender owns cannot be set",
        arguments: ["Host", "content-length", "Webhook-Id", "svix-id", "Cookie", "Connection", "a b", "", "x\r\ny"])
    func headers(_ name: String) {
        #expect(throws: ConnectorError.self) { try CustomHeaders.check([(name, "v")]) }
        #expect(throws: ConnectorError.self) { try CustomHeaders.check([("x", "a\r\nb")]) }
    }
}
