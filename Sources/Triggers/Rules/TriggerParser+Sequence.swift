internal import Model

extension TriggerWhen {
    private static let mostSteps = 5

    /// `sequence`: events in their order, and perhaps what must not come after the last of them.
    static func sequence(_ node: TriggerNode, _ shared: [String]) throws -> Absence {
        let waiting = ["absent", "reentry", "retract", "late", "still"]
        try node.allow(["sequence", "correlate", "grace"] + waiting + shared)
        guard let elements = node["sequence"]?.arrayValue, (2...mostSteps).contains(elements.count) else {
            throw node.error("sequence", "is a list of 2 to \(mostSteps) steps, such as {\"event\": \"Signed up\"}")
        }
        var before: [Step] = []
        var test = EventTest(names: [])
        for (place, element) in elements.enumerated() {
            let step = try TriggerNode(element, "\(node.path).sequence[\(place)]")
            try step.allow(place == 0 ? ["event", "where"] : ["event", "where", "within"])
            guard step["event"] != nil else { throw step.error("event", "is missing") }
            if place > 0 {
                let next = try window(step, "within how long it follows the step before it, such as 7d")
                before.append(Step(test: test, next: next))
            }
            test = try events(step)
        }
        guard node["absent"] != nil else {
            for name in waiting where node[name] != nil {
                throw node.error(name, "has a meaning only with absent: what must not follow the last step")
            }
            return Absence(
                before: before, starts: test, ends: nil, within: 0, correlate: try correlate(node), reentry: .each,
                grace: try node.length("grace") ?? 0, retracts: false, still: nil)
        }
        var absence = try absence(node, of: test)
        guard absence.reentry != .firstOpen else {
            throw node.error("reentry", "is each, restart or once_ever with a sequence")
        }
        absence.before = before
        return absence
    }
}
