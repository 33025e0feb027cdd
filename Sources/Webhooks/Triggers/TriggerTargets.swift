internal import Model
internal import Triggers

/// Where firings go, by the endpoints and triggers of one moment.
struct TriggerTargets: Sendable {
    private struct Target: Sendable {
        let endpoint: Int64
        let isThin: Bool
        let isOrdered: Bool
        let definition: EndpointDefinition
    }

    private var byTrigger: [Int64: [Target]] = [:]
    /// Those that name a type of messages.
    private var byType: [String: [Target]] = [:]

    static let types =
        [TriggerFiring.firedType, TriggerFiring.identifiedType, TriggerFiring.pausedType] + TriggerFiring.followUps

    init() {}

    /// - Parameter actions: of each trigger, the ids of endpoints and actions.
    init(_ endpoints: [LiveEndpoint], actions: [Int64: [String]]) {
        let targets = Dictionary(
            endpoints.map { endpoint in
                let definition = endpoint.record.definition
                return (
                    endpoint.record.id,
                    Target(
                        endpoint: endpoint.record.number, isThin: definition.payload == .thin,
                        isOrdered: definition.order == .person, definition: definition)
                )
            }, uniquingKeysWith: { first, _ in first })
        for (trigger, ids) in actions { byTrigger[trigger] = ids.compactMap { targets[$0] } }
        for type in Self.types {
            byType[type] = endpoints.filter { $0.record.definition.receives(type: type) }
                .compactMap { targets[$0.record.id] }
        }
    }

    /// Endpoints that a trigger's firing goes to; each once, however it is reached.
    private func targets(_ trigger: Int64, _ type: String) -> [Target] {
        var seen: Set<Int64> = []
        return ((byTrigger[trigger] ?? []) + (byType[type] ?? [])).filter { seen.insert($0.endpoint).inserted }
    }

    /// Those that name a type.
    func endpoints(type: String) -> [Int64] { (byType[type] ?? []).map(\.endpoint) }

    func endpoints(_ trigger: Int64, _ type: String) -> [Int64] { targets(trigger, type).map(\.endpoint) }

    /// A firing's messages: one for each form of the bytes.
    func messages(of firing: TriggerFiring) -> [OutboxMessage] {
        let all = targets(firing.rule, firing.type)
        var variants: [(name: String, targets: [Target])] = []
        for target in all {
            let name = (target.isThin ? "thin" : "full") + target.definition.bodyVariant
            if let place = variants.firstIndex(where: { $0.name == name }) {
                variants[place].targets.append(target)
            } else {
                variants.append((name, [target]))
            }
        }
        return variants.compactMap { name, chosen in
            guard let first = chosen.first else { return nil }
            let whose = firing.identity.map {
                OrderKey(firing.person.map { PersonID($0) }, identity: Array($0.utf8))
            }
            // Of nobody there is no order.
            let key = whose?.text ?? firing.person.map { PersonID($0).text }
            // What is too long in a form of one's own is said of ids alone.
            let thin = FiringBody.bytes(firing, isThin: true)
            let body = first.definition.formed(FiringBody.bytes(firing, isThin: first.isThin))
            var message = OutboxMessage(
                id: firing.message, type: firing.type, variant: name, seq: firing.seq,
                body: body ?? first.definition.formed(thin) ?? thin,
                targets: chosen.map { .init(endpoint: $0.endpoint, orderKey: $0.isOrdered ? key : nil) },
                depth: firing.depth, identity: firing.identity)
            message.whose = whose
            return message
        }
    }
}

/// What a firing says.
enum FiringBody {
    static func bytes(_ firing: TriggerFiring, isThin: Bool) -> [UInt8] {
        let body = envelope(firing, event: isThin ? nil : firing.event, isThin: isThin)
        guard body.count > MessageBody.mostBytes, let seq = firing.seq else { return body }
        // Never a silent cut: where all of it is, is said instead.
        return envelope(
            firing, event: Array("{\"data_url\":\"/v1/events?seq_from=\(seq - 1)&as_of_seq=\(seq)\"}".utf8),
            isThin: false)
    }

    private static func envelope(_ firing: TriggerFiring, event: [UInt8]?, isThin: Bool) -> [UInt8] {
        var data: [UInt8] = []
        data += Array("{\"trigger\":{\"id\":".utf8)
        JSONText.appendString(firing.ruleID, to: &data)
        data += Array(",\"name\":".utf8)
        JSONText.appendString(firing.ruleName, to: &data)
        data += Array(",\"version\":\(firing.version)},\"instance_id\":\"\(firing.instance)\",\"person_id\":".utf8)
        JSONValue(firing.person.map { PersonID($0).text }).write(to: &data)
        if !isThin {
            data += Array(",\"identity\":".utf8)
            JSONValue(firing.identity).write(to: &data)
            data += Array(",\"event\":".utf8)
            data += event ?? Array("null".utf8)
            data += Array(",\"fired_at\":\"".utf8)
            firing.firedAt.write(to: &data)
            data += Array("\",\"late_by_s\":\(seconds(firing.lateBy))".utf8)
            if let change = firing.change {
                data += Array(",\"change\":".utf8)
                change.write(to: &data)
            }
        }
        data.append(0x7d)
        return MessageBody.envelope(type: firing.type, at: firing.firedAt, id: firing.message, data: data)
    }

    private static func seconds(_ microseconds: Int64) -> String {
        microseconds == 0 ? "0" : "\(Double(microseconds / 1_000) / 1_000)"
    }
}
