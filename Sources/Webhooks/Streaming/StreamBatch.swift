internal import Connectors
internal import Model
internal import People

/// Events that go out together: `{"type":"event.batch","timestamp","id","data":[…],"seq_from","seq_to"}`.
struct StreamBatch: Sendable {
    static let type = "event.batch"
    /// Of the body, but for an event that is longer by itself.
    static let mostBytes = 512 << 10

    let events: ArraySlice<PersonEvent>
    let bodies: [[UInt8]]

    /// As many of the events as go into one batch.
    init(_ events: ArraySlice<PersonEvent>, most: Int, isThin: Bool) {
        var bodies: [[UInt8]] = []
        var bytes = 0
        for event in events.prefix(most) {
            let body = isThin ? Self.thin(event) : event.json
            bytes += body.count + 1
            guard bodies.isEmpty || bytes <= Self.mostBytes else { break }
            bodies.append(body)
        }
        self.events = events.prefix(bodies.count)
        self.bodies = bodies
    }

    private static func thin(_ event: PersonEvent) -> [UInt8] {
        let document: JSONValue = [
            "seq": JSONValue(event.seq), "event_id": .string(event.eventID), "person_id": .string(event.personID.text),
        ]
        return Array(document.text.utf8)
    }

    /// The message after a `seq`. The same events give the same id, whenever they are sent.
    func message(project: String, endpoint: String) -> OutboundMessage? {
        guard let first = events.first, let last = events.last else { return nil }
        let id = WebhookSigning.messageID([Self.type, project, endpoint, String(first.seq), String(last.seq)])
        var out: [UInt8] = []
        out.reserveCapacity(bodies.reduce(256) { $0 + $1.count + 1 })
        out += Array(
            "{\"type\":\"\(Self.type)\",\"timestamp\":\"\(last.receivedAt.text)\",\"id\":\"\(id)\",\"data\":[".utf8)
        for (place, body) in bodies.enumerated() {
            if place > 0 { out.append(0x2c) }
            out += body
        }
        out += Array("],\"seq_from\":\(first.seq),\"seq_to\":\(last.seq)}".utf8)
        return OutboundMessage(id: id, type: Self.type, body: out)
    }
}
