public import Connectors
public import Model

/// Samples, for tests of an endpoint and for whoever maps fields before there are events.
public enum SampleMessage {
    /// The data of an event that never happened.
    public static func event(_ name: String, at time: Timestamp) -> JSONValue {
        [
            "seq": 0, "event_id": "sample-1", "identity": "ann@example.com", "person_id": "p_sample",
            "event": .string(name), "timestamp": .string(time.text), "received_at": .string(time.text),
            "properties": ["amount": 42, "plan": "pro"],
        ]
    }

    /// A message that says of itself that it is a test, in the form that the endpoint gets.
    ///
    /// - Parameter name: an event's, or a type of ours.
    public static func message(
        _ name: String, for endpoint: EndpointRecord, at time: Timestamp, id: String
    ) -> OutboundMessage {
        let definition = endpoint.definition
        let isOwn = EndpointDefinition.ownTypes.contains(name)
        let type = definition.mode == .stream ? StreamBatch.type : isOwn ? name : MessageBody.eventType
        var members: [JSONValue.Member] = [
            .init("type", .string(type)), .init("timestamp", .string(time.text)), .init("id", .string(id)),
            .init("test", true),
        ]
        var data = isOwn ? own(name, endpoint, at: time) : event(name, at: time)
        if definition.payload == .thin, !isOwn {
            data = ["seq": 0, "event_id": "sample-1", "person_id": "p_sample"]
        }
        if definition.mode == .stream {
            members += [.init("data", .array([data])), .init("seq_from", 0), .init("seq_to", 0)]
        } else {
            members.append(.init("data", data))
        }
        let body = Array(JSONValue.object(members).text.utf8)
        return OutboundMessage(id: id, type: type, body: definition.formed(body) ?? body)
    }

    /// The data of a message that is of no event.
    private static func own(_ type: String, _ endpoint: EndpointRecord, at time: Timestamp) -> JSONValue {
        let about = JSONValue.Member("endpoint", ["id": .string(endpoint.id), "url": .string(endpoint.place)])
        switch type {
        case "endpoint.failing": return .object([about, .init("percent", 50)])
        case "endpoint.disabled": return .object([about, .init("reason", "the receiver answered 410 Gone")])
        case "endpoint.recovered": return .object([about])
        case "message.exhausted":
            return .object([
                about, .init("webhook_id", "msg_sample"), .init("delivery", .string(DeliveryRecord.id(0))),
            ])
        case "trigger.paused": return ["trigger": trigger, "reason": "it fired oftener than it may"]
        case let type where type.hasPrefix("pipeline."): return pipeline(type, at: time)
        default:
            return [
                "trigger": trigger, "instance_id": "ti_sample",
                "person_id": "p_sample", "identity": "ann@example.com", "event": event("Sample Event", at: time),
                "fired_at": .string(time.text), "late_by_s": 0,
            ]
        }
    }

    private static let trigger: JSONValue = ["id": "tr_sample", "name": "Sample", "version": 1]

    /// An alert of a pipeline that there is none of.
    private static func pipeline(_ type: String, at time: Timestamp) -> JSONValue {
        let word = String(type.dropFirst("pipeline.".count))
        let isOver = type == "pipeline.recovered"
        let kind = ["late", "freshness", "volume"].first { $0 == word } ?? "run"
        let what = ["freshness": "warn", "volume": "anomaly", "recovered": "failed"][word] ?? word
        let severity: JSONValue = word == "failed" || isOver ? "error" : "warning"
        let until: JSONValue = isOver ? .string(time.text) : .null
        return [
            "pipeline": "sample", "project": "default", "incident": "inc_sample", "kind": .string(kind),
            "severity": severity, "what": .string(what),
            "text": .string("pipeline sample: \(what): a sample"), "reason": "a sample", "run": "run_sample",
            "times": 1,
            "since": .string(time.text), "until": until,
        ]
    }
}
