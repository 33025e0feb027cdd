import Connectors
import Model
import Testing

@testable import Webhooks

@Suite("Alerts in the outbox")
struct AlertTests {
    private static func alert(_ id: String, _ targets: JSONValue, type: String = "pipeline.failed") -> Alert {
        Alert(
            project: "p", id: id, type: type,
            data: ["pipeline": "x", "text": "pipeline x failed", "incident": "inc_1"],
            targets: targets, at: Timestamp(microseconds: 0))
    }

    private static func slack(_ url: String, trusted: Bool = false) -> JSONValue {
        ["key": "t:ops", "name": "ops", "type": "slack", "settings": ["url": .string(url)], "trusted": .bool(trusted)]
    }

    @Test("The same id counts once, whoever is named twice gets it once, and who wants the type gets it besides")
    func once() async throws {
        let outbox = try Outbox()
        let wanting = try await outbox.endpoint(["url": "https://r.example/", "events": ["pipeline.*"]])
        let other = try await outbox.endpoint(["url": "https://r.example/", "events": ["*"]])
        let named: JSONValue = [
            "key": "p:x:0", "name": "x", "type": "endpoint", "settings": ["id": .string(wanting.id)],
        ]
        let targets: JSONValue = [Self.slack("https://s.example/"), named]
        for isFirst in [true, false] {
            let put = try await outbox.store.put(Self.alert("msg_1", targets), now: outbox.now)
            #expect(put.problem == nil && put.hasChanged == isFirst)
        }
        let deliveries = try await outbox.store.deliveries(ofAlert: "msg_1", project: "p")
        #expect(deliveries.count == 2 && deliveries.allSatisfy { $0.state == .pending })
        #expect(try await outbox.states(wanting) == ["pending"])
        #expect(try await outbox.states(other) == [])
        // Nobody sees the row among the endpoints.
        #expect(try await outbox.store.endpoints(project: "p", after: 0, limit: 10).count == 2)
    }

    @Test(
        "What was shut since its receiver failed is open for the next alert, with the settings of now; what began is sent before what ended"
    )
    func again() async throws {
        let outbox = try Outbox()
        _ = try await outbox.store.put(Self.alert("msg_1", [Self.slack("https://s.example/")]), now: outbox.now)
        var live = try #require(try await outbox.store.live().endpoints.first)
        #expect(live.connector == "slack" && live.settings?["url"] == "https://s.example/" && !live.isTrusted)
        let claimed = try await outbox.claim(live.record)
        _ = try await outbox.end(claimed[0], 410, .ends("gone"))
        #expect(try await outbox.store.live().endpoints.first?.record.state == .disabled)
        let put = try await outbox.store.put(
            Self.alert("msg_2", [Self.slack("secret://env/S", trusted: true)], type: "pipeline.recovered"),
            now: outbox.now)
        #expect(put.hasChanged)
        live = try #require(try await outbox.store.live().endpoints.first)
        #expect(live.record.state == .active && live.settings?["url"] == "secret://env/S" && live.isTrusted)
        #expect(try await outbox.claim(live.record).map(\.message.id) == ["msg_1"])
    }

    @Test("What keeps an alert from somebody is said")
    func problems() async throws {
        let outbox = try Outbox()
        let missing: JSONValue = [
            ["key": "t:gone", "name": "gone"],
            ["key": "p:x:0", "name": "x", "type": "endpoint", "settings": ["id": "ep_none"]],
        ]
        let put = try await outbox.store.put(Self.alert("msg_1", missing), now: outbox.now)
        for word in ["no alert target \"gone\"", "no endpoint ep_none", "nobody is told"] {
            #expect(put.problem?.contains(word) ?? false)
        }
        #expect(try await outbox.store.deliveries(ofAlert: "msg_1", project: "p").isEmpty)
    }
}
