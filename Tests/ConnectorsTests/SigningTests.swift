import Connectors
import Model
import Testing

@Suite("Messages are signed as Standard Webhooks says")
struct SigningTests {
    private static let vectors = (try? JSONValue(PackageResources.webhook_vectors_json.span)) ?? .null

    @Test("Golden values, reproduced by seven other programs", arguments: vectors["vectors"]?.arrayValue ?? [])
    func vector(_ vector: JSONValue) throws {
        let secret = try WebhookSecret(vector["secret"]?.stringValue ?? "")
        let signed = secret.signature(
            id: vector["webhook_id"]?.stringValue ?? "", timestamp: vector["timestamp"]?.intValue ?? 0,
            body: Array((vector["body"]?.stringValue ?? "").utf8))
        #expect(signed == vector["signature"]?.stringValue, "\(vector["name"] ?? nil)")
    }

    @Test(
        "During a rotation both signatures are sent, the newest first", arguments: vectors["rotation"]?.arrayValue ?? []
    )
    func rotation(_ vector: JSONValue) throws {
        let secrets = try (vector["secrets"]?.arrayValue ?? []).map { try WebhookSecret($0.stringValue ?? "") }
        let headers = WebhookSigning.headers(
            id: vector["webhook_id"]?.stringValue ?? "", timestamp: vector["timestamp"]?.intValue ?? 0,
            body: Array((vector["body"]?.stringValue ?? "").utf8), secrets: secrets)
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers[2].value == vector["signature"]?.stringValue)
    }

    @Test("All vectors are there")
    func count() {
        #expect(Self.vectors["vectors"]?.arrayValue?.count == 15 && Self.vectors["rotation"]?.arrayValue?.count == 1)
    }

    @Test(
        "A secret that somebody brings along is checked",
        arguments: [
            "", "whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La",
            "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
            "whsec_" + String(repeating: "A", count: 88),
        ])
    func refused(_ text: String) {
        #expect(throws: ConnectorError.self) { try WebhookSecret(text) }
    }

    @Test("A new secret has 32 bytes, and is another each time")
    func made() throws {
        let (a, b) = (WebhookSecret.make(), WebhookSecret.make())
        #expect(a != b && a.text.utf8.count == 6 + 44)
        #expect(try WebhookSecret(a.text) == a)
    }

    @Test("The same cause has the same id, another cause another one, and none has a dot")
    func ids() {
        let id = WebhookSigning.messageID(["event.recorded", "default", "7"])
        #expect(id == WebhookSigning.messageID(["event.recorded", "default", "7"]))
        #expect(id != WebhookSigning.messageID(["event.recorded", "default", "8"]))
        #expect(id.hasPrefix("msg_") && id.utf8.count == 56 && !id.contains("."))
    }

    @Test("What is sealed opens under its own name with its own key, and nowhere else")
    func sealed() throws {
        let box = try SecretBox(key: Array(repeating: 7, count: 32))
        let other = try SecretBox(key: Array(repeating: 8, count: 32))
        let sealed = try box.seal(Array("whsec_x".utf8), for: "ep_1")
        #expect(try box.open(sealed, for: "ep_1") == Array("whsec_x".utf8))
        #expect(!String(decoding: sealed, as: UTF8.self).contains("whsec"))
        #expect(throws: ConnectorError.self) { try box.open(sealed, for: "ep_2") }
        #expect(throws: ConnectorError.self) { try other.open(sealed, for: "ep_1") }
    }
}
