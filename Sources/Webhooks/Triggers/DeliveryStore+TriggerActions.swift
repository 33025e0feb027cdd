internal import Connectors
internal import GRDB
internal import Model
internal import Triggers

extension DeliveryStore {
    /// Sets what a trigger does when it fires. Connectors are kept as endpoints that are not shown, their settings sealed.
    static func setActions(
        _ db: Database, _ number: Int64, _ actions: [TriggerAction], _ project: String, by key: String,
        _ now: Timestamp, _ box: SecretBox
    ) throws {
        // An action that stays as it was keeps its row, and with it what waits to be delivered and the log.
        var old = try Row.fetchAll(
            db, sql: "SELECT number, id, connector, settings FROM endpoints WHERE trigger_number = ?",
            arguments: [number]
        ).map { row -> (number: Int64, id: String, kind: String, settings: JSONValue?) in
            let id: String = row["id"]
            let bytes = row.bytes("settings").flatMap { try? box.open($0, for: id) }
            return (row["number"], id, row["connector"], bytes.flatMap { opened in try? JSONValue(opened.span) })
        }
        var shown: [JSONValue] = []
        for action in actions {
            switch action {
            case .endpoint(let id):
                guard try records(db, project: project, id: id).first != nil else {
                    throw WebhookError(.badEndpoint, "then: there is no endpoint \(id.prefix(64))")
                }
                shown.append(["endpoint": .string(id)])
            case .connector(let kind, let settings):
                if let place = old.firstIndex(where: { $0.kind == kind && $0.settings == settings }) {
                    shown.append([kind: hidden(kind, settings), "deliveries": .string(old.remove(at: place).id)])
                    continue
                }
                let id = makeID("act_", now)
                let sealed = try box.seal(Array(settings.text.utf8), for: id)
                try db.execute(
                    sql: """
                        INSERT INTO endpoints (id, project, kind, definition, header_names, since_seq, state, changed_by,
                            state_at, made_by, created_at, updated_at, connector, settings, trigger_number)
                        VALUES (?, ?, 'webhook', ?, '', 0, 'active', ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        id, project, EndpointDefinition(url: kind).json.text, key, now.microseconds, key,
                        now.microseconds, now.microseconds, kind, Blob(sealed).data, number,
                    ])
                shown.append([kind: hidden(kind, settings), "deliveries": .string(id)])
            }
        }
        for gone in old { try remove(db, gone.number) }
        try db.execute(
            sql: "UPDATE triggers SET actions = ? WHERE number = ?",
            arguments: [JSONValue.array(shown).text, number])
    }

    /// Settings as they are shown: what a connector takes for a secret is hidden, but for a reference to one.
    static func hidden(_ kind: String, _ settings: JSONValue) -> JSONValue {
        let fields = ConnectorRegistry.builtin.types.first { $0.kind == kind }?.fields ?? []
        guard case .object(let members) = settings else { return settings }
        return .object(
            members.map { member in
                if fields.first(where: { $0.name == member.key })?.isSecret ?? true {
                    return .init(member.key, hidden(member.value))
                }
                guard member.key == "url", let text = member.value.stringValue, isDoor(text) else { return member }
                return .init(member.key, .string(((try? OutboundURL(text))?.origin ?? "") + "/[hidden]"))
            })
    }

    /// Whether whoever knows an address may do what it is for, as with a chat's incoming webhooks: it has a secret among its parameters, or
    /// a part so long that nobody has thought of it.
    private static func isDoor(_ url: String) -> Bool {
        guard !SecretReference.isReference(url) else { return false }
        if SettingsCheck.plainInRequest(["url": .string(url)]) != nil { return true }
        return url.split { "/?&=".contains($0) }.dropFirst(2).contains { $0.utf8.count >= 20 }
    }

    private static func hidden(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text) where SecretReference.isReference(text): value
        case .object(let members): .object(members.map { .init($0.key, hidden($0.value)) })
        default: "[hidden]"
        }
    }
}
