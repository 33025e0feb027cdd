public import Connectors
internal import GRDB
public import Model

/// What a trigger's sample goes to.
public struct TestTarget: Sendable {
    public enum Way: Sendable {
        case endpoint(WebhookTarget)
        case connector(String, JSONValue)
        /// Why nothing can be sent to it.
        case closed(String)
    }

    public let id: String
    public let way: Way
}

extension DeliveryStore {
    /// What a trigger reaches by its own actions, of what can be opened with this master key.
    public func testTargets(_ trigger: TriggerRecord) async throws(WebhookError) -> [TestTarget] {
        let live = try await live()
        var ids: [String] = []
        for action in trigger.actions.arrayValue ?? [] {
            if let id = action["endpoint"]?.stringValue ?? action["deliveries"]?.stringValue { ids.append(id) }
        }
        return ids.map { TestTarget(id: $0, way: Self.way(of: $0, live)) }
    }

    private static func way(of id: String, _ live: LiveState) -> TestTarget.Way {
        guard let endpoint = live.endpoints.first(where: { $0.record.id == id }) else {
            return .closed("the endpoint is disabled or gone")
        }
        if let kind = endpoint.connector {
            guard let settings = endpoint.settings else {
                return .closed("the action's settings cannot be opened with the server's master key")
            }
            return .connector(kind, settings)
        }
        guard let url = endpoint.url, let secret = endpoint.secrets.first?.secret else {
            return .closed("the endpoint's secret cannot be opened with the server's master key")
        }
        return .endpoint(
            WebhookTarget(
                url: url, secrets: [secret], headers: endpoint.headers,
                timeout: .seconds(endpoint.record.definition.timeout)))
    }
}

extension SampleMessage {
    /// A firing that says of itself that it is a test.
    public static func firing(_ trigger: TriggerRecord, at time: Timestamp, id: String) -> OutboundMessage {
        let document: JSONValue = [
            "type": "trigger.fired", "timestamp": .string(time.text), "id": .string(id), "test": true,
            "data": [
                "trigger": [
                    "id": .string(trigger.id), "name": .string(trigger.name), "version": JSONValue(trigger.version),
                ],
                "instance_id": "ti_sample", "person_id": "p_sample", "identity": "ann@example.com",
                "event": event("Sample Event", at: time), "fired_at": .string(time.text), "late_by_s": 0,
            ],
        ]
        return OutboundMessage(id: id, type: "trigger.fired", body: Array(document.text.utf8))
    }
}
