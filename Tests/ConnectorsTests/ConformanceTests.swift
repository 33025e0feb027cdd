import Connectors
import Model
import Synchronization
import Testing

@Suite("Every connector keeps the contract")
struct ConformanceTests {
    private static let message = OutboundMessage(
        id: "msg_1", type: "event.recorded",
        body: Array(
            #"{"type":"event.recorded","data":{"event":"A \"b\" <!channel>\n","identity":"x\r\nBcc: e@vil.example"}}"#
                .utf8))
    private static let loopback = OutboundPolicy(allowed: [AddressRange("127.0.0.0/8")].compactMap { $0 })

    private final class Fake: OutboundSending {
        let seen = Mutex<[OutboundRequest]>([])
        func send(_ request: OutboundRequest) async -> OutboundResult {
            seen.withLock { $0.append(request) }
            return OutboundResult(answer: OutboundAnswer(status: 200))
        }
    }

    private final class FakeMail: MailSending {
        let seen = Mutex<[MailMessage]>([])
        func send(
            _ message: MailMessage?, by server: MailServer, sender: MailAddress, timeout: Duration
        ) async -> OutboundResult {
            seen.withLock { $0 += message.map { [$0] } ?? [] }
            return OutboundResult(answer: OutboundAnswer(status: 250))
        }
    }

    private static func make(
        _ kind: String, _ settings: JSONValue, policy: OutboundPolicy = loopback, http: (any OutboundSending)? = nil,
        mail: (any MailSending)? = nil
    ) throws -> any Connector {
        let resolver = SystemResolver()
        return try ConnectorRegistry.builtin.make(
            kind, settings, secrets: SecretResolver(environmentPrefix: "SLUICE_TEST_NONE"),
            tools: ConnectorTools(
                http: try http ?? OutboundClient(policy: policy, resolver: resolver),
                mail: mail ?? MailClient(policy: policy, resolver: resolver), policy: policy,
                seconds: { 1_700_000_000 }))
    }

    @Test("It is made from its settings, works, and delivers", arguments: ConnectorRegistry.builtin.kinds)
    func delivers(_ kind: String) async throws {
        try await Place.with(kind, .takes) { settings, _ in
            let connector = try Self.make(kind, settings)
            try await connector.check()
            for _ in 0..<2 {
                let result = await connector.deliver(Self.message)
                let status = result.answer?.status ?? 0
                #expect((200...299).contains(status), "\(String(describing: result.failure))")
                #expect(result.peer == "127.0.0.1" && result.timings.total > 0)
            }
        }
    }

    @Test("A refusal, a busy and a silent other side are told apart", arguments: ConnectorRegistry.builtin.kinds)
    func classifies(_ kind: String) async throws {
        for mood in [Place.Mood.refuses, .isBusy, .hangs] {
            try await Place.with(kind, mood) { settings, _ in
                let result = await (try Self.make(kind, settings)).deliver(Self.message)
                let (status, code) = (result.answer?.status, result.failure?.code)
                switch mood {
                case .takes: break
                case .refuses: #expect(status == 400 || code == .refused, "\(result)")
                case .isBusy: #expect(status == 503 || code == .deferred, "\(result)")
                case .hangs: #expect(status == nil && code == .headerTimeout, "\(result)")
                }
                #expect(!"\(result)".contains("s3cret-word") && !"\(result)".contains("MfKQ9r8GKYqrTwjUPD8"))
            }
        }
        // Nobody listens there any more.
        var gone: JSONValue = .null
        try await Place.with(kind, .takes) { settings, _ in gone = settings }
        let result = await (try Self.make(kind, gone)).deliver(Self.message)
        #expect(result.answer == nil && result.failure?.code == .connectRefused)
    }

    @Test(
        "It describes its settings, and names the one that is wrong",
        arguments: ConnectorRegistry.builtin.types.map { $0.kind })
    func refuses(_ kind: String) throws {
        let settings = try Place.settings(kind, 2_525)
        guard case .object(let members) = settings else { return }
        func refusal(_ members: [JSONValue.Member], _ policy: OutboundPolicy = Self.loopback) -> String {
            do {
                _ = try Self.make(kind, .object(members), policy: policy)
                return "none"
            } catch { return "\(error)" }
        }
        #expect(refusal(members + [.init("unknown", 1)]).contains("\"unknown\""))
        let type = try #require(ConnectorRegistry.builtin.types.first { $0.kind == kind })
        #expect(Set(type.fields.map(\.name)).count == type.fields.count && type.capabilities.mostBytes > 1_000)
        for field in type.fields {
            #expect(field.help.count > 10)
            let others = members.filter { $0.key != field.name }
            if field.isRequired { #expect(refusal(others).contains("\"\(field.name)\" is missing")) }
            #expect(refusal(others + [.init(field.name, true)]).contains("\"\(field.name)\""))
            let reference = refusal(others + [.init(field.name, "secret://env/SLUICE_TEST_NONE_X")])
            switch (field.value, field.isSecret) {
            case (.text, true), (.url, true): #expect(reference.contains("there is no variable"))
            case (.text, false), (.url, false): #expect(reference.contains("takes no reference"))
            default: #expect(reference != "none")
            }
        }
        // Without the operator's word nothing private is sent to, nor anything in clear.
        #expect(refusal(members, OutboundPolicy()) != "none")
    }

    @Test(
        "What it is sent by HTTP is JSON under plain headers, the same each time",
        arguments: ["webhook", "http", "slack"])
    func requests(_ kind: String) async throws {
        let http = Fake()
        let connector = try Self.make(kind, try Place.settings(kind, 80), http: http)
        for _ in 0..<2 { _ = await connector.deliver(Self.message) }
        let seen = http.seen.withLock { $0 }
        #expect(seen.count == 2 && seen[0].body == seen[1].body && seen[0].url == seen[1].url)
        let body = seen[0].body
        #expect((try? JSONValue(body.span)) != nil, "\(String(decoding: body, as: UTF8.self))")
        for (name, value) in seen[0].headers {
            #expect(name == name.lowercased() && !value.utf8.contains { $0 < 0x20 || $0 > 0x7e })
        }
        let name = kind == "http" ? "body" : "text"
        guard case .object(let all) = try Place.settings(kind, 80) else { return }
        let members = all.filter { $0.key != name }
        for url in ["http://r.example/", "https://10.0.0.1/", "https://0x7f.1/"] {
            let changed = members.map { $0.key == "url" ? JSONValue.Member("url", .string(url)) : $0 }
            #expect(throws: ConnectorError.self) { try Self.make(kind, .object(changed), policy: OutboundPolicy()) }
        }
    }

    @Test("Templates put JSON in, and what is not there is null")
    func templates() throws {
        let document: JSONValue = ["a": ["b": "x\"y"], "n": 5]
        #expect(
            try Template(#"{"v": {{a.b}}, "n": {{ n }}, "z": {{a.c.d}}}"#).text(document)
                == #"{"v": "x\"y", "n": 5, "z": null}"#)
        // Within a text what is put in ends nothing, and null is nothing.
        let said: JSONValue = ["a": ["b": "x\"\\\n"], "n": 5, "l": [1, "y"], "t": true]
        #expect(
            try Template(#"{"s": "Hello \"{{a.b}}\", {{n}}{{z}}: {{l}} {{t}}", "v": {{a.b}}}"#).text(said)
                == #"{"s": "Hello \"x\"\\\n\", 5: [1,\"y\"] true", "v": "x\"\\\n"}"#)
        for broken in ["{{a", "{{}}", "{{a..b}}"] { #expect(throws: ConnectorError.self) { try Template(broken) } }
    }

    @Test("A few marks do not make a long message many times as long", arguments: ["http", "slack", "email"])
    func amplified(_ kind: String) async throws {
        let long = JSONValue.object([.init("data", .string(String(repeating: "x", count: 200 << 10)))])
        let marks = String(repeating: "{{data}}", count: 1_000)
        #expect(try Template(marks).text(long) == nil && Template("{{data}}").text(long) != nil)
        let name = kind == "http" ? "body" : "text"
        guard case .object(let all) = try Place.settings(kind, 80) else { return }
        let members = all.filter { $0.key != name }
        let (http, mail) = (Fake(), FakeMail())
        let connector = try Self.make(
            kind, .object(members + [.init(name, .string(marks))]), http: http, mail: mail)
        let result = await connector.deliver(OutboundMessage(id: "m", type: "t", body: Array(long.text.utf8)))
        #expect(result.failure?.code == .notSent && http.seen.withLock(\.isEmpty) && mail.seen.withLock(\.isEmpty))
    }

    @Test("What was collected neither calls people in Slack nor makes links")
    func slack() async throws {
        let http = Fake()
        _ = await (try Self.make("slack", try Place.settings("slack", 80), http: http)).deliver(Self.message)
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
