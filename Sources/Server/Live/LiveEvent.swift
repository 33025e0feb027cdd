internal import Collect
internal import Journal
internal import Model

/// Which verdicts a watcher wants to see.
struct LiveFilter: Sendable {
    enum Verdict: String, CaseIterable { case accepted, duplicate, rejected }

    /// Nil for all.
    var verdicts: Set<Verdict>?
    /// Names of events; nil for items of any kind.
    var names: Set<ExactText>?
    var identity: ExactText?

    /// Appends what became of each input of a request, as server-sent events; how many.
    func write(_ batch: LiveFeed.Batch, to out: inout [UInt8]) -> Int {
        var count = 0
        for outcome in batch.request.outcomes {
            let verdict: Verdict
            let seq: Int64
            switch batch.receipt.verdicts[outcome.item] {
            case .stored(let number): (verdict, seq) = (outcome.rejection == nil ? .accepted : .rejected, number)
            case .duplicate(let original): (verdict, seq) = (.duplicate, original)
            }
            guard verdicts?.contains(verdict) ?? true else { continue }
            batch.request.submission.withItem(outcome.item) { item, payload in
                guard wants(item, payload) else { return }
                out += Array("event: \(verdict.rawValue)\nid: \(seq)\ndata: ".utf8)
                Self.write(item, payload, verdict, seq, to: &out)
                out += Array("\n\n".utf8)
                count += 1
            }
        }
        return count
    }

    private func wants(_ item: ItemLayout, _ payload: Span<UInt8>) -> Bool {
        if let names {
            guard item.kind == .event, names.contains(Self.text(item.name, payload)) else { return false }
        }
        guard let identity else { return true }
        return item.kind != .reject
            && [item.identity, item.other].contains { Self.text($0, payload) == identity }
    }

    private static func text(_ range: Range<Int>, _ payload: Span<UInt8>) -> ExactText {
        ExactText(String(utf8: payload.extracting(range)))
    }

    /// One line of JSON: texts and properties have no line break of their own in them.
    private static func write(
        _ item: ItemLayout, _ payload: Span<UInt8>, _ verdict: Verdict, _ seq: Int64, to out: inout [UInt8]
    ) {
        out += Array("{\"verdict\":\"\(verdict.rawValue)\",\"seq\":\(seq),\"protocol\":\"\(item.wire.label)\"".utf8)
        out += Array(",\"received_at\":\"\(item.receivedAt.text)\"".utf8)
        if item.kind == .reject {
            add("reason", payload.extracting(item.name), to: &out)
            add("raw", payload.extracting(item.properties), to: &out)
        } else {
            let type = [ItemKind.event: "track", .set: "set", .alias: "alias"][item.kind] ?? "undo"
            out += Array(",\"type\":\"\(type)\",\"timestamp\":\"\(item.timestamp.text)\"".utf8)
            if !item.id.isEmpty { add("event_id", payload.extracting(item.id), to: &out) }
            add("identity", payload.extracting(item.identity), to: &out)
            if item.kind == .event { add("event", payload.extracting(item.name), to: &out) }
            if item.kind == .alias { add("other", payload.extracting(item.other), to: &out) }
            if item.kind == .event || item.kind == .set {
                out += Array(",\"properties\":".utf8)
                if item.properties.isEmpty {
                    out += Array("{}".utf8)
                } else {
                    JSONText.appendCompact(payload.extracting(item.properties), to: &out)
                }
            }
        }
        out.append(UInt8(ascii: "}"))
    }

    private static func add(_ name: String, _ text: Span<UInt8>, to out: inout [UInt8]) {
        out += Array(",\"\(name)\":".utf8)
        JSONText.appendString(text, to: &out)
    }
}
