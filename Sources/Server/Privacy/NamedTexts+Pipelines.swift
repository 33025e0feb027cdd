internal import Control
internal import Model

/// Where pipelines can name somebody: in the conditions of what they export, in what their rules accept, in statements, and in what runs say
/// of rows that failed.
extension NamedTexts {
    /// A pipeline's definition, naming nobody. Where rows go, and what things are called, stays.
    func redacted(pipeline json: JSONValue) -> JSONValue {
        guard case .object(let members) = json else { return json }
        return .object(
            members.map { member in
                switch member.key {
                case "export": .init(member.key, specification(member.value))
                case "validate", "enrich": .init(member.key, anywhere(member.value))
                default: member
                }
            })
    }

    /// A run's record, naming nobody.
    ///
    /// - Parameter seqs: what went from the store, in ascending order; values of rows that were among it are taken out.
    func redacted(_ run: PipelineRunRecord, seqs: [Int64]) -> PipelineRunRecord {
        var redacted = run
        // People come in for what was done before, or by time alone.
        let isBySeq = ["events", "property_changes"].contains(run.spec?["dataset"]?.stringValue ?? "")
        let (from, to) = (isBySeq ? run.seqFrom ?? 0 : 0, run.seqTo ?? .max)
        let hadTheirs = seqs.contains { $0 > from && $0 <= to }
        redacted.steps = steps(run.steps, dropsSamples: hadTheirs)
        redacted.spec = run.spec.map(specification)
        redacted.reason = run.reason.map { self.redacted($0) }
        return redacted
    }

    private func steps(_ json: JSONValue, dropsSamples: Bool) -> JSONValue {
        switch json {
        case .array(let elements): .array(elements.map { steps($0, dropsSamples: dropsSamples) })
        case .object(let members):
            .object(
                members.map { member in
                    if member.key == "samples", dropsSamples { return .init(member.key, []) }
                    return .init(member.key, steps(member.value, dropsSamples: dropsSamples))
                })
        case .string(let text): .string(isName(text) && Self.isTelling(text) ? Self.replacement : redacted(text))
        default: json
        }
    }

    /// What was told of a pipeline, naming nobody: a text, or a document of texts.
    func redacted(told text: String) -> String {
        guard text.utf8.first == 0x7b, let json = try? JSONValue(text: text) else { return redacted(text) }
        let changed = anywhere(json)
        return changed == json ? text : changed.text
    }

    private func anywhere(_ json: JSONValue) -> JSONValue {
        switch json {
        case .array(let elements): .array(elements.map(anywhere))
        case .object(let members): .object(members.map { .init($0.key, anywhere($0.value)) })
        case .string(let text): .string(redacted(text))
        default: json
        }
    }

    /// Whether a line of a quarantine is of a row that went, or may be.
    func isTheirs(quarantined line: JSONValue, seqs: Set<Int64>) -> Bool {
        guard case .object(let members)? = line["row"] else { return true }
        if isNamed(in: line) { return true }
        guard !seqs.isEmpty else { return false }
        // Values are texts there, whatever they are elsewhere.
        if let seq = line["row"]?["seq"] {
            guard let number = seq.intValue ?? seq.stringValue.flatMap({ Int64($0) }) else { return true }
            return seqs.contains(number)
        }
        // Nothing tells whose it is: it is a copy, and the row itself is still in the store if it is somebody else's.
        let telling = ["identity", "person_id", "identities", "other"]
        return !members.contains { telling.contains($0.key) }
    }
}
