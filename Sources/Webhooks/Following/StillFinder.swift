internal import EventStore
internal import Journal
internal import Model
internal import People
internal import Triggers

/// Asks of persons whose waits are due whether what must still be so is.
struct StillFinder: Sendable {
    let project: String
    let journal: Journal
    let store: EventStore
    let segments: any SegmentSource
    let sender: Sender

    /// How long is waited for the store: what was collected by then counts. Longer, and the timers are tried again.
    private static let patience = Duration.seconds(30)
    /// So many persons are asked for one by one; of more all are asked for at once of whom it holds.
    private static let few = 20

    /// Answers by the numbers of the waits; nil where no rule asks.
    func answers(_ rules: TriggerRules, until now: Timestamp) async throws -> [Int64: StillAnswer]? {
        guard rules.asksStill else { return nil }
        let due = try await sender.store.due(project: project, until: now)
        var asked: [String: (condition: JSONValue, waits: [DueWait])] = [:]
        for wait in due {
            guard let condition = rules.still(wait.rule, wait.version) else { continue }
            asked[condition.text, default: (condition: condition, waits: [])].waits.append(wait)
        }
        guard !asked.isEmpty else { return [:] }
        try await store.waitForApplied(journal.durableSeq, timeout: Self.patience)
        var answers: [Int64: StillAnswer] = [:]
        for (_, one) in asked {
            let (condition, waits) = one
            let identities = Array(Set(waits.map { ExactText($0.identity) })).map(\.text)
            do {
                let holding = try await holding(condition, identities, now)
                for wait in waits {
                    answers[wait.number] = holding.contains(ExactText(wait.identity)) ? .holds : .fails
                }
            } catch let error as QueryError {
                for wait in waits { answers[wait.number] = .senseless(error.message) }
            }
        }
        return answers
    }

    /// Those of whom a condition holds.
    private func holding(
        _ json: JSONValue, _ identities: [String], _ now: Timestamp
    ) async throws -> Set<ExactText> {
        let condition = try await segments.condition(json, path: "when.still", at: now)
        let few = identities.count <= Self.few
        return try await store.ask { connection, pinned in
            let reader = PeopleReader(connection, pinned)
            let persons = try reader.persons(of: identities)
            var found: Set<ExactText> = []
            if few {
                for (identity, person) in persons {
                    let explained = try reader.explain([(condition.tree, condition.fixed)], of: person)
                    if explained.first?.holds == true { found.insert(identity) }
                }
            } else {
                let all = Set(try reader.matching(condition.tree))
                for (identity, person) in persons where all.contains(person) { found.insert(identity) }
            }
            return found
        }
    }
}

/// A wait that is due, as it is asked about.
struct DueWait: Sendable {
    let number: Int64
    let rule: Int64
    let version: Int64
    let identity: String
}
