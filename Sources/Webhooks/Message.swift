internal import Connectors
public import Model
internal import Triggers

/// Makes the bytes of messages: once, so that every attempt sends and signs the same.
public enum MessageBody {
    /// More bytes than this are not sent: what is known by its id is asked for instead.
    public static let mostBytes = 256 << 10

    /// The type of the message that an event is.
    public static let eventType = "event.recorded"

    /// The id of the message that an event is.
    public static func eventID(project: String, seq: Int64) -> String {
        WebhookSigning.messageID([eventType, project, String(seq)])
    }

    /// An envelope: `{"type","timestamp","id","data"}`.
    public static func envelope(type: String, at time: Timestamp, id: String, data: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(data.count + 160)
        out += Array("{\"type\":".utf8)
        JSONText.appendString(type, to: &out)
        out += Array(",\"timestamp\":\"".utf8)
        time.write(to: &out)
        out += Array("\",\"id\":\"\(id)\",\"data\":".utf8)
        out += data
        out.append(0x7d)
        return out
    }
}

/// An event as the journal has it, and what is known of its person.
struct RecordedEvent: Sendable {
    let seq: Int64
    let eventID: [UInt8]
    let identity: [UInt8]
    let name: [UInt8]
    let timestamp: Timestamp
    let receivedAt: Timestamp
    let properties: [UInt8]
    var person: PersonID?
    /// What is included of the person, as JSON members; nil if it is not known.
    var included: JSONValue?
    /// Whether that is of a moment before the event, or not all of it: the store was behind, or took too long.
    var isStale = false

    /// The message's bytes in one form. What is too long in it is said of what is left: ids, and where all of it is.
    func body(_ definition: EndpointDefinition, id: String) -> [UInt8] {
        definition.formed(whole(definition, id: id)) ?? definition.formed(elsewhere(id)) ?? elsewhere(id)
    }

    private func whole(_ definition: EndpointDefinition, id: String) -> [UInt8] {
        if definition.payload == .thin { return thin(id: id, members: []) }
        var data: [UInt8] = []
        EventJSON.open(
            seq: seq, eventID: eventID, identity: identity, person: person, name: name, at: timestamp,
            receivedAt: receivedAt, properties: properties, to: &data)
        if !definition.include.isEmpty {
            data += Array(",\"person\":".utf8)
            told(definition).write(to: &data)
        }
        data.append(0x7d)
        let body = MessageBody.envelope(type: MessageBody.eventType, at: timestamp, id: id, data: data)
        return body.count > MessageBody.mostBytes ? elsewhere(id) : body
    }

    /// Never a silent cut: where all of it is, is said instead.
    private func elsewhere(_ id: String) -> [UInt8] {
        let place = "/v1/events?seq_from=\(seq - 1)&as_of_seq=\(seq)"
        return thin(id: id, members: [.init("data_url", .string(place))])
    }

    /// Of what is known of the person what the endpoint is to be told; of somebody whom the store does not know yet, that.
    private func told(_ definition: EndpointDefinition) -> JSONValue {
        guard case .object(let members)? = included else { return ["id": JSONValue(person?.text), "stale": true] }
        let names = Set(definition.include.map(\.rawValue)).union(["id"])
        return .object(members.filter { names.contains($0.key) } + (isStale ? [.init("stale", true)] : []))
    }

    private func thin(id: String, members: [JSONValue.Member]) -> [UInt8] {
        let known: [JSONValue.Member] = [
            .init("seq", JSONValue(seq)), .init("event_id", .string(String(decoding: eventID, as: UTF8.self))),
            .init("person_id", JSONValue(person?.text)),
        ]
        return MessageBody.envelope(
            type: MessageBody.eventType, at: timestamp, id: id,
            data: Array(JSONValue.object(known + members).text.utf8))
    }
}
