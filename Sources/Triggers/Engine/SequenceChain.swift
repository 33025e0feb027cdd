/// Whether the steps of a sequence before its last came in their order and in time. It depends on when they happened alone, not on
/// the order in which they were heard of.
struct SequenceChain {
    let rule: TriggerRule
    let absence: TriggerWhen.Absence
    let storage: any TriggerStorage

    /// What is said of a last step to which the others did not lead.
    static let missing = "the steps before it had not come in their order and in time"

    /// Whether there are steps that lead to a last one.
    func leads(to last: TriggerMark, key: String, correlation: String) throws -> Bool {
        var after = [last]
        for (step, role) in zip(absence.before, TriggerRules.Role.steps).reversed() {
            guard let first = after.first, let end = after.last else { return false }
            let marks = try storage.marks(
                rule: rule.number, version: rule.version, role: role, key: key, correlation: correlation,
                from: first.at - step.next + 1, to: end.at)
            after = Self.those(of: marks, followedBy: after, within: step.next)
        }
        return !after.isEmpty
    }

    /// The marks that are followed by another within a length of time; both in the order of their times.
    static func those(of marks: [TriggerMark], followedBy next: [TriggerMark], within: Int64) -> [TriggerMark] {
        var place = 0
        return marks.filter { mark in
            while place < next.count, (next[place].at, next[place].seq) <= (mark.at, mark.seq) { place += 1 }
            return place < next.count && next[place].at < mark.at + within
        }
    }
}
