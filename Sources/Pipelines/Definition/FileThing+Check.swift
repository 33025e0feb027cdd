internal import Connectors
internal import EventStore
internal import Exports
internal import Model
internal import Reports
internal import Triggers
internal import Webhooks

/// What can be known of a thing without the server: the same readers look at it that the API's routes use.
extension FileThing {
    private static let keys: [Kind: [String]] = [
        .segment: ["description", "segment", "timezone"], .report: ["report"],
        .endpoint: EndpointDefinition.fields.filter { $0 != "name" } + [
            "headers", "secret", "notify", "client_certificate",
        ],
        .trigger: ["when", "then", "enabled"],
    ]

    func check() -> [PipelineError] {
        var errors = ErrorList()
        let known: [String: DocumentNode]
        do { known = try errors.map(node, Self.keys[kind] ?? []) } catch { return error.all }
        switch kind {
        case .segment: checkSegment(known, &errors)
        case .report: checkReport(known, &errors)
        case .endpoint: checkEndpoint(known, &errors)
        case .trigger: checkTrigger(known, &errors)
        }
        return errors.found
    }
}

extension FileThing {
    private func checkSegment(_ known: [String: DocumentNode], _ errors: inout ErrorList) {
        errors.attempt(known["description"]) { _ = try $0.text(atMost: 4_096) }
        errors.attempt(known["timezone"]) { try Self.zone($0) }
        guard let tree = known["segment"], case .map = tree.content else {
            return errors.note(error("\"segment\" is missing: a condition on people", at: "segment"))
        }
        // What only the project knows, other segments and computed columns, is looked at there.
        guard !SavedNames.are(in: tree.json) else { return }
        let asked: JSONValue = ["dataset": "people", "where": tree.json]
        do { try ExportSpec(json: asked).check() } catch {
            let path = error.message.prefix { $0 != ":" }
            guard path.hasPrefix("where") else { return errors.note(tree.error(error.message)) }
            let rest = path.dropFirst("where".count)
            errors.note(
                self.error("segment" + error.message.dropFirst("where".count), at: "segment" + rest))
        }
    }

    private static func zone(_ node: DocumentNode) throws(PipelineError) {
        let name = try node.text("a zone such as Europe/Berlin")
        do { _ = try ZoneClock(name) } catch { throw node.error(error.message) }
    }

    private func checkReport(_ known: [String: DocumentNode], _ errors: inout ErrorList) {
        guard let report = known["report"], case .map = report.content else {
            return errors.note(error("\"report\" is missing: the question", at: "report"))
        }
        guard !SavedNames.are(in: report.json) else { return }
        let now = Timestamp(microseconds: SystemTime.seconds() * 1_000_000)
        do { _ = try ReportRunner.check(report.json, now: now) } catch {
            errors.note(self.error(error.message, at: error.path))
        }
    }

    private func checkEndpoint(_ known: [String: DocumentNode], _ errors: inout ErrorList) {
        let own = Set(EndpointDefinition.fields)
        let definition = JSONValue.object(
            known.filter { own.contains($0.key) }.map { .init($0.key, $0.value.json) })
        do { _ = try EndpointDefinition(definition) } catch { errors.note(placed(error)) }
        if let url = known["url"]?.scalarText {
            // Whether plain http may go there is for the operator to say.
            do { _ = try OutboundURL(url) } catch { errors.note(self.error("url: \(error.message)", at: "url")) }
        }
        errors.attempt(known["secret"]) { try Self.reference($0) }
        errors.attempt(known["client_certificate"]) { try Self.reference($0) }
        if let headers = known["headers"] { checkHeaders(headers, &errors) }
        checkActions(known["notify"], "notify", &errors)
    }

    private func checkHeaders(_ node: DocumentNode, _ errors: inout ErrorList) {
        guard let entries = errors.attempt({ try node.entries() }) else { return }
        var headers: [(name: String, value: String)] = []
        for entry in entries {
            guard let text = errors.attempt({ try entry.value.text(atMost: 8_192) }) else { continue }
            let isReference = SecretReference.isReference(text)
            if isReference { errors.attempt { try Self.reference(entry.value) } }
            headers.append((entry.key, isReference ? "-" : text))
            if let found = SettingsCheck.plainInRequest(["headers": .object([.init(entry.key, .string(text))])]) {
                errors.note(entry.value.error(Self.plain(found)))
            }
        }
        do { try CustomHeaders.check(headers) } catch { errors.note(node.error(error.message)) }
    }

    private func checkTrigger(_ known: [String: DocumentNode], _ errors: inout ErrorList) {
        errors.attempt(known["enabled"]) { _ = try $0.truth() }
        checkActions(known["then"], "then", &errors)
        guard let when = known["when"] else {
            return errors.note(error("\"when\" is missing: what makes it fire", at: "when"))
        }
        do { _ = try TriggerWhen.read(ThingNames().thing(.trigger, node)["when"]?.json ?? when.json) } catch {
            errors.note(placed(error))
        }
    }

    /// `then` and `notify`: what a connector would refuse is refused here, and a secret that is written out.
    private func checkActions(_ node: DocumentNode?, _ path: String, _ errors: inout ErrorList) {
        guard let node else { return }
        do { _ = try TriggerAction.list(node.json, path: path) } catch {
            return errors.note(self.error(error.message, at: error.path))
        }
        guard case .list(let elements) = node.content else { return }
        for element in elements {
            guard case .map(let entries) = element.content, let entry = entries.first, entry.key != "endpoint" else {
                continue
            }
            let registry = ConnectorRegistry.builtin
            guard let type = registry.types.first(where: { $0.kind == entry.key }) else {
                let known = (["endpoint"] + registry.kinds).joined(separator: ", ")
                errors.note(
                    PipelineError(
                        .badDefinition, "\(element.path): there is no action \"\(entry.key)\"; there are \(known)",
                        at: entry.keyPlace))
                continue
            }
            let settings = entry.value.json
            let plain = Field.plainSecret(settings, type.fields) ?? SettingsCheck.plainInRequest(settings)
            do { try SettingsCheck.check(settings, type.fields, plainSecret: plain) } catch {
                errors.note(entry.value.named(in: error.message))
            }
        }
    }

    // MARK: Parts

    /// A secret is a reference: files are read by many.
    private static func reference(_ node: DocumentNode) throws(PipelineError) {
        let text = try node.text("a secret's reference", atMost: 4_096)
        guard SecretReference.isReference(text) else { throw node.error(plain("this")) }
        do { _ = try SecretReference(text) } catch { throw node.error(error.message) }
    }

    private static func plain(_ name: String) -> String {
        "\(name) is a secret, which a definition does not hold: write secret://env/NAME or secret://file/PATH"
    }

    /// An error of a reader, at its place.
    public func placed(_ error: any Error) -> PipelineError {
        switch error {
        case let error as QueryError: self.error(error.message, at: error.path)
        case let error as TriggerError: self.error(error.message, at: error.path)
        case let error as PipelineError: error
        case let error as WebhookError: named(in: error.message)
        case let error as ConnectorError: named(in: error.message)
        default: self.error("\(error)")
        }
    }

    /// The error of a message that has the name of a part in quotation marks.
    private func named(in message: String) -> PipelineError {
        guard case .map(let entries) = node.content,
            let found = entries.first(where: { message.contains("\"\($0.key)\"") })
        else { return error(message) }
        return error(message, at: found.key)
    }
}

/// What only a project knows: saved segments and reports, and computed columns.
enum SavedNames {
    static func are(in json: JSONValue) -> Bool {
        switch json {
        case .object(let members):
            members.contains { ["segment", "column", "report_id"].contains($0.key) || are(in: $0.value) }
        case .array(let values): values.contains(where: are)
        default: false
        }
    }
}
