internal import EventStore
internal import Journal
internal import Model
internal import People
internal import Triggers

/// Looks in pieces of the journal for what a project's triggers want.
final class TriggerLooker {
    // One task uses it: the follower.
    private let store: EventStore
    /// Who listened when it looked last.
    var listening = Listening(endpoints: [], triggers: ProjectTriggers(), change: -1)
    /// Pairs whose tie was evaluated already, and whether somebody asked for it; SDKs send the same again and again.
    private var pairs: [Pair: Bool] = [:]
    /// Identities of which it was looked up what the rules must know of the time before them.
    private var looked: Set<ExactText> = []
    private var lookedFor: Int64 = -1
    /// Of versions of rules that wait for silence, when something came last, until it is written.
    private var heardLast: [Version: Timestamp] = [:]

    private static let mostKept = 100_000

    private struct Pair: Hashable {
        let a: ExactText
        let b: ExactText
    }

    private struct Version: Hashable {
        let rule: Int64
        let version: Int64
    }

    init(store: EventStore) { self.store = store }

    /// What broke silences and is not written yet.
    var heard: [(rule: Int64, version: Int64, at: Timestamp)] {
        heardLast.map { ($0.key.rule, $0.key.version, $0.value) }
    }

    /// Whether something broke a silence and is not written yet.
    var hasHeard: Bool { !heardLast.isEmpty }

    /// What broke silences is written.
    func forgetHeard() { heardLast = [:] }

    /// Forgets what was evaluated for those who listened before: it may not have been written, or have been erased since. What was heard
    /// stays, for its frames may not be read again.
    func begin(change: Int64) {
        guard change != lookedFor else { return }
        (pairs, looked, lookedFor) = ([:], [], change)
    }

    /// The items that a rule wants.
    func items(of piece: JournalPiece, _ rules: TriggerRules, forms: NameForms) async throws -> [TriggerItem] {
        var items: [TriggerItem] = []
        for frame in piece.frames { look(frame, rules, forms, &items) }
        for place in items.indices where isUndo(items[place]) { items[place] = try await resolved(items[place]) }
        if items.contains(where: \.needsPrior) { try await findPrior(&items, rules) }
        return items
    }

    private func look(_ frame: JournalFrame, _ rules: TriggerRules, _ forms: NameForms, _ items: inout [TriggerItem]) {
        let payload = frame.payload.span
        var at = 0
        for place in 0..<frame.count {
            // Damage stops the applier, which says so.
            guard let layout = ItemLayout(payload, at: &at) else { return }
            guard var item = item(layout, payload, frame.firstSeq + Int64(place), rules, forms) else { continue }
            guard item.match(rules) else { continue }
            let isSilent = item.interests.allSatisfy { $0.role == .breaks }
            for interest in item.interests where interest.role == .breaks && !item.isImport {
                let rule = rules.rules[interest.rule]
                let version = Version(rule: rule.number, version: rule.version)
                heardLast[version] = max(heardLast[version] ?? item.receivedAt, item.receivedAt)
            }
            item.interests.removeAll { $0.role == .breaks }
            switch item.kind {
            case .event, .set: if !isSilent || rules.hasWatches && item.depth > 0 { items.append(item) }
            case .alias(let other, let isDerived):
                if isNews(Pair(a: ExactText(item.identity), b: ExactText(other)), isDerived) { items.append(item) }
            case .undo:
                pairs = [:]
                items.append(item)
            }
        }
    }

    private func isNews(_ pair: Pair, _ isDerived: Bool) -> Bool {
        if let wasAsked = pairs[pair], isDerived || wasAsked { return false }
        if pairs.count > Self.mostKept { pairs = [:] }
        pairs[pair] = !isDerived
        return true
    }

    private func item(
        _ layout: ItemLayout, _ payload: Span<UInt8>, _ seq: Int64, _ rules: TriggerRules, _ forms: NameForms
    ) -> TriggerItem? {
        var name = ""
        var folded: [UInt8]?
        if layout.flags.contains(.foldsNames), layout.kind == .event || layout.kind == .set {
            folded = forms.object(Array(copying: payload.extracting(layout.properties)))
        }
        let kind: TriggerItem.Kind
        // What is watched is told by no item, so it matters of whom anything was written back.
        let isWrittenBack =
            rules.hasWatches && (layout.kind == .event || layout.kind == .set)
            && TriggerItem.depth(in: payload.extracting(layout.properties)) > 0
        switch layout.kind {
        case .reject: return nil
        case .event:
            name = String(utf8: payload.extracting(layout.name))
            let mayWant: Bool
            if let folded {
                name = forms.event(name)
                mayWant = rules.mayWant(name, folded.span)
            } else {
                mayWant = rules.mayWant(name, payload.extracting(layout.properties))
            }
            guard mayWant || isWrittenBack || rules.looksAtPeople && layout.flags.contains(.setsProperties) else {
                return nil
            }
            kind = .event
        case .set:
            guard rules.looksAtPeople || isWrittenBack else { return nil }
            kind = .set
        case .alias:
            kind = .alias(
                other: String(utf8: payload.extracting(layout.other)), isDerived: layout.flags.contains(.derivedAlias))
        case .undo:
            // Whom it parts is looked up.
            name = String(utf8: payload.extracting(layout.name))
            kind = .undo(other: "")
        }
        let properties = folded ?? Array(copying: payload.extracting(layout.properties))
        var item = TriggerItem(
            kind: kind, seq: seq, identity: String(utf8: payload.extracting(layout.identity)),
            eventID: String(utf8: payload.extracting(layout.id)), name: name, at: layout.timestamp,
            receivedAt: layout.receivedAt, properties: properties)
        item.isImport = layout.wire == .importFile
        // Whoever sets properties natively knows whom they are about.
        item.identifies = layout.flags.contains(.namesIdentity) || layout.kind == .set && layout.wire == .native
        item.setsProperties = layout.flags.contains(.setsProperties)
        return item
    }

    private func isUndo(_ item: TriggerItem) -> Bool { if case .undo = item.kind { true } else { false } }

    /// An undo names an alias, which is in the store: whoever undid it has seen it there.
    private func resolved(_ item: TriggerItem) async throws -> TriggerItem {
        guard let seq = Int64(item.name) else { return item }
        try await store.waitForApplied(min(seq, item.seq - 1), timeout: .seconds(10))
        let alias = try await store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned).alias(seq)
        }
        guard let alias else { return item }
        return TriggerItem(
            kind: .undo(other: alias.other), seq: item.seq, identity: alias.identity, at: item.at,
            receivedAt: item.receivedAt)
    }

    /// What the store knew when the rules began to look; that lies behind, however far the applier is.
    private func findPrior(_ items: inout [TriggerItem], _ rules: TriggerRules) async throws {
        for place in items.indices where items[place].needsPrior {
            let item = items[place]
            let asking = item.interests.filter {
                ($0.role == .sets || $0.role == .identifies) && rules.rules[$0.rule].since < item.seq
            }
            let since = asking.map { rules.rules[$0.rule].since }.max() ?? 0
            let mark = asking.map { "\($0.rule)" }.joined(separator: " ") + "\n" + item.identity
            guard since > 0, looked.insert(ExactText(mark)).inserted else { continue }
            if looked.count > Self.mostKept { looked = [] }
            try await store.waitForApplied(since, timeout: .seconds(10))
            var identities = [item.identity]
            if case .alias(let other, _) = item.kind { identities.append(other) }
            let asked = identities
            let people = try await store.readPinned { connection, pinned in
                try asked.compactMap { identity in
                    try PeopleReader(connection, pinned, asOf: since).person(identity: identity)
                }
            }
            var prior = TriggerItem.Prior()
            for person in people {
                let bytes = person.properties
                if let tree = try? JSONValue(bytes.span), case .object(let members) = tree, !members.isEmpty {
                    prior.isKnown = true
                    if prior.properties == .object([]) { prior.properties = tree }
                }
                if person.identities.count > 1 { prior.isKnown = true }
            }
            items[place].prior = prior
        }
    }
}
