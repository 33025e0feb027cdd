import Connectors
import Model
import Testing
import Triggers

@testable import Webhooks

@Suite("What an endpoint is set to, and what it shows")
struct SettingsTests {
    @Test("Null takes every setting back")
    func cleared() throws {
        let plain = try EndpointDefinition(["url": "https://r.example/"])
        let settings: JSONValue = [
            "url": "https://r.example/", "name": "crm", "events": ["A"], "where": ["property": "n", "gt": 1],
            "description": "d", "payload": "thin", "include": ["properties"], "order": "person", "rate_limit": 5,
            "concurrency": 2, "retry": ["1s"], "timeout": 3, "final_client_errors": true, "batch": 7,
            "body": "{\"e\": {{data}}}",
        ]
        let known = try EndpointDefinition(settings)
        guard case .object(let members) = settings else { return }
        let nulls = JSONValue.object(members.filter { $0.key != "url" }.map { .init($0.key, .null) })
        #expect(try EndpointDefinition(nulls, known: known) == plain)
        // One alone leaves the others.
        let one = try EndpointDefinition(["rate_limit": .null], known: known)
        #expect(one.rate == nil && one.timeout == 3 && one.payload == .thin)
    }

    @Test("A certificate, headers and whom it tells are taken back, too")
    func extras() async throws {
        let outbox = try Outbox()
        let other = try await outbox.endpoint(["url": "https://o.example/"])
        var draft = EndpointDraft(try EndpointDefinition(["url": "https://r.example/"]), secret: WebhookSecret.make())
        (draft.headers, draft.notify) = ([("x-a", "b")], [.endpoint(other.id)])
        draft.certificate = "secret://file/c.pem"
        let made = try await outbox.store.create(draft, project: "p", by: "k", now: outbox.now, durable: { 0 })
        #expect(made.hasCertificate && made.headers == ["x-a"] && made.notify.arrayValue?.count == 1)
        let bare = try await outbox.store.update(
            made.id, made.definition, headers: [], extras: EndpointExtras(notify: [], certificate: ""), project: "p",
            now: outbox.now, durable: { 0 })
        #expect(!bare.hasCertificate && bare.headers.isEmpty && bare.notify.arrayValue?.isEmpty == true)
    }

    @Test("A delivery is a command for a shell, whatever is in it")
    func curl() async throws {
        let outbox = try Outbox()
        var draft = EndpointDraft(
            try EndpointDefinition(["url": "https://r.example/a?b=[1]", "events": ["*"]]), secret: WebhookSecret.make())
        draft.headers = [("authorization", "Bearer it's"), ("x-empty", "")]
        let endpoint = try await outbox.store.create(draft, project: "p", by: "k", now: outbox.now, durable: { 0 })
        try await outbox.put(1, to: [endpoint])
        let signed = try #require(try await outbox.store.signed(1, project: "p", now: outbox.now))
        let text = CurlText.text(signed.request)
        #expect(text.contains("'authorization: Bearer it'\\''s'") && text.contains("'x-empty;'"))
        #expect(text.contains("'https://r.example/a?b=[1]'") && text.contains("--data-raw '{\"seq\":1}'"))
        let seconds = outbox.now.microseconds / 1_000_000
        let signature = WebhookSigning.headers(
            id: MessageBody.eventID(project: "p", seq: 1), timestamp: seconds, body: Array("{\"seq\":1}".utf8),
            secrets: [draft.secret])
        for (name, value) in signature { #expect(text.contains("'\(name): \(value)'")) }
        let hidden = CurlText.text(signed.request, hidden: signed.ownHeaders)
        #expect(hidden.contains("'authorization: [hidden]'") && !hidden.contains("Bearer"))
        #expect(try await outbox.store.signed(1, project: "other", now: outbox.now) == nil)
        #expect(try await outbox.states(endpoint) == ["pending"])
    }

    @Test("Samples of what tells of pipelines and held triggers say what such messages do")
    func samples() async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/"])
        let fired = ["trigger.fired", "trigger.retracted", "trigger.recovered", "person.identified"]
        for type in EndpointDefinition.ownTypes {
            let message = SampleMessage.message(type, for: endpoint, at: outbox.now, id: "msg_x")
            let data = try #require(try JSONValue(message.body.span)["data"])
            #expect((data["pipeline"] != nil) == type.hasPrefix("pipeline."), "\(type)")
            #expect((data["instance_id"] != nil) == fired.contains(type), "\(type)")
        }
    }

    @Test(
        "Endpoints that cannot be",
        arguments: [
            #"{}"#, #"{"url":"https://r.example/","events":"*"}"#, #"{"url":"https://r.example/","events":[""]}"#,
            #"{"url":"https://r.example/","order":"strict"}"#, #"{"url":"https://r.example/","include":["friends"]}"#,
            #"{"url":"https://r.example/","rate_limit":0}"#, #"{"url":"https://r.example/","concurrency":0}"#,
            #"{"url":"https://r.example/","timeout":31}"#, #"{"url":"https://r.example/","payload":"some"}"#,
            #"{"url":"https://r.example/","where":{"person":"plan","is":"pro"}}"#,
            #"{"url":"https://r.example/","where":{"did":"A"}}"#,
            #"{"url":"https://r.example/","where":{"property":"a"}}"#,
            #"{"url":"https://r.example/","where":{"property":"a","gt":{"time":"-30d"}}}"#,
        ])
    func refused(_ text: String) throws {
        let json = try JSONValue(text: text)
        #expect(throws: (any Error).self) { try EndpointDefinition(json) }
    }

    @Test("A description is read as it is written")
    func roundTrip() throws {
        let json = try JSONValue(
            text:
                #"{"url":"https://r.example/","events":["A","endpoint.*"],"where":{"property":"a","gt":5},"payload":"thin","include":["identities","properties"],"order":"person","rate_limit":{"count":100,"per":"m","burst":5},"concurrency":3,"retry":["1s"],"timeout":3,"final_client_errors":true,"description":"d"}"#
        )
        let read = try EndpointDefinition(json)
        #expect(try EndpointDefinition(read.json) == read && read.include == [.properties, .identities])
        #expect(read.receives(type: "endpoint.disabled") && !read.receives(type: "message.exhausted") && read.listens)
        // What a change does not name stays.
        let changed = try EndpointDefinition(["concurrency": 9], known: read)
        #expect(changed.concurrency == 9 && changed.events == read.events && changed.retry == read.retry)
    }
}
