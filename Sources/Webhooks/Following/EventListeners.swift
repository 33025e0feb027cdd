internal import EventStore
internal import Journal
internal import Model

/// Endpoints that listen to events, made ready to look at many.
struct EventListeners {
    /// One object for each: a copy of its parts for each event would cost more than what is asked of the event.
    final class Listener: Sendable {
        let number: Int64
        let definition: EndpointDefinition
        let since: Int64
        let condition: Condition?

        init(number: Int64, definition: EndpointDefinition, since: Int64, condition: Condition?) {
            (self.number, self.definition, self.since, self.condition) = (number, definition, since, condition)
        }
    }

    /// Listeners to the same events.
    private struct Group {
        var listeners: [Listener] = []
        var index = ConditionIndex([])

        /// Those that may want an event with these properties.
        func candidates(_ properties: Span<UInt8>) -> [Listener] { index.places(properties).map { listeners[$0] } }
    }

    /// By the names of events that they want.
    private var byName: [Hash128: Group] = [:]
    private var forAll = Group()
    /// The change of the endpoints that they were made by.
    let change: Int64
    /// What is told of persons to any of them.
    private(set) var includes: Set<EndpointDefinition.Include> = []

    init(_ listening: Listening) {
        change = listening.change
        for endpoint in listening.endpoints {
            let definition = endpoint.record.definition
            // What was checked when it was made is so still.
            let condition: Condition?
            do { condition = try definition.tree() } catch { continue }
            let listener = Listener(
                number: endpoint.record.number, definition: definition, since: endpoint.record.sinceSeq,
                condition: condition)
            includes.formUnion(definition.include)
            if definition.events.contains(EndpointDefinition.all) {
                forAll.listeners.append(listener)
            } else {
                for name in definition.events { byName[Hash128(name), default: Group()].listeners.append(listener) }
            }
        }
        forAll.index = ConditionIndex(forAll.listeners.map(\.condition))
        for (name, group) in byName { byName[name]?.index = ConditionIndex(group.listeners.map(\.condition)) }
    }

    /// The events that somebody wants.
    ///
    /// - Parameter forms: of names that came without regard to case, as they are stored.
    func match(_ piece: JournalPiece, forms: NameForms) -> [WantedEvent] {
        var wanted: [WantedEvent] = []
        for frame in piece.frames {
            let payload = frame.payload.span
            var at = 0
            for place in 0..<frame.count {
                // Damage stops the applier, which says so.
                guard let item = ItemLayout(payload, at: &at) else { break }
                // Imports are of the past: they do not fire.
                guard item.kind == .event, item.wire != .importFile else { continue }
                let seq = frame.firstSeq + Int64(place)
                let event: WantedEvent?
                if item.flags.contains(.foldsNames) {
                    let name = Array(forms.event(String(utf8: payload.extracting(item.name))).utf8)
                    let properties = forms.object(Array(copying: payload.extracting(item.properties)))
                    event = match(item, payload, name.span, properties.span, seq: seq)
                } else {
                    event = match(
                        item, payload, payload.extracting(item.name), payload.extracting(item.properties), seq: seq)
                }
                if let event { wanted.append(event) }
            }
        }
        return wanted
    }

    /// - Parameters:
    ///   - name: in the form in which it is stored.
    ///   - properties: with their names in the forms in which they are stored.
    private func match(
        _ item: ItemLayout, _ payload: Span<UInt8>, _ name: Span<UInt8>, _ properties: Span<UInt8>, seq: Int64
    ) -> WantedEvent? {
        var candidates = byName.isEmpty ? [] : byName[Hash128(name)]?.candidates(properties) ?? []
        candidates += forAll.candidates(properties)
        guard candidates.contains(where: { $0.since < seq }) else { return nil }
        let matched = MatchedEvent(name: String(utf8: name), properties: Array(copying: properties))
        let listeners = candidates.filter { $0.since < seq && $0.condition?.holds(of: matched) ?? true }
        guard !listeners.isEmpty else { return nil }
        let event = RecordedEvent(
            seq: seq, eventID: Array(copying: payload.extracting(item.id)),
            identity: Array(copying: payload.extracting(item.identity)), name: Array(copying: name),
            timestamp: item.timestamp, receivedAt: item.receivedAt, properties: matched.properties)
        return WantedEvent(event: event, listeners: listeners)
    }
}

/// An event and who wants it.
struct WantedEvent: Sendable {
    var event: RecordedEvent
    let listeners: [EventListeners.Listener]

    /// Its messages: one for each form of the bytes.
    func messages(project: String) -> [OutboxMessage] {
        let id = MessageBody.eventID(project: project, seq: event.seq)
        let whose = OrderKey(event.person, identity: event.identity)
        var variants: [(definition: EndpointDefinition, targets: [OutboxMessage.Target])] = []
        for listener in listeners {
            let key = listener.definition.order == .person ? whose.text : nil
            let target = OutboxMessage.Target(endpoint: listener.number, orderKey: key)
            if let place = variants.firstIndex(where: { $0.definition.variant == listener.definition.variant }) {
                if !variants[place].targets.contains(where: { $0.endpoint == listener.number }) {
                    variants[place].targets.append(target)
                }
            } else {
                variants.append((listener.definition, [target]))
            }
        }
        return variants.map { definition, targets in
            var message = OutboxMessage(
                id: id, type: MessageBody.eventType, variant: definition.variant, seq: event.seq,
                body: event.body(definition, id: id), targets: targets)
            message.whose = whose
            return message
        }
    }
}
