internal import EventStore
internal import Journal
internal import Logging
internal import Model
internal import People
internal import Triggers

/// Asks of persons whose waits are due whether what must still be so is.
struct StillFinder: Sendable {
    let project: String
    let store: EventStore
    let segments: any SegmentSource
    let sender: Sender
    let logger: Logger

    /// How long is waited for the store at a time: what was collected by then counts. Longer, and it is asked again.
    private static let patience = Duration.seconds(2)
    /// So many persons are asked for one by one; of more all are asked for at once of whom it holds.
    private static let few = 20

    /// What waits up to a moment, with what can be said of it.
    ///
    /// - Parameter seq: the last item that was collected by then.
    func round(_ rules: TriggerRules, until now: Timestamp, seq: Int64) async throws -> StillRound {
        var round = StillRound()
        var asked: [String: (condition: JSONValue, waits: [DueWait])] = [:]
        for wait in try await sender.store.dueToAsk(project: project, until: now) {
            if wait.person == nil { round.unknown.append(wait.identity) }
            guard let condition = rules.still(wait.rule, wait.version) else {
                // Its trigger fires nothing, whatever is so.
                round.answers[wait.number] = .holds
                continue
            }
            asked[condition.text, default: (condition: condition, waits: [])].waits.append(wait)
        }
        guard !asked.isEmpty else { return round }
        do { try await store.waitForApplied(seq, timeout: Self.patience) } catch {
            try Task.checkCancellation()
            logger.warning("what must still be so is asked later", metadata: ["error": "\(error)"])
            round.isLate = true
            return round
        }
        for (_, one) in asked {
            let (condition, waits) = one
            let identities = Array(Set(waits.map { ExactText($0.identity) })).map(\.text)
            do {
                let holding = try await holding(condition, identities, now)
                for wait in waits {
                    round.answers[wait.number] = holding.contains(ExactText(wait.identity)) ? .holds : .fails
                }
            } catch let error as QueryError {
                for wait in waits { round.answers[wait.number] = .senseless(error.message) }
            } catch {
                // Only those wait on that ask this.
                try Task.checkCancellation()
                logger.error(
                    "what must still be so could not be asked, and is asked again",
                    metadata: ["still": "\(condition.text.prefix(200))", "error": "\(error)"])
                round.hasFailed = true
            }
        }
        return round
    }

    /// Those of whom a condition holds.
    private func holding(
        _ json: JSONValue, _ identities: [String], _ now: Timestamp
    ) async throws -> Set<ExactText> {
        let condition = try await segments.condition(json, path: "when.still", at: now)
        let few = identities.count <= Self.few
        return try await store.ask { connection, pinned in
            // All of it of one moment, whatever is applied meanwhile.
            let reader = PeopleReader(connection, pinned, asOf: pinned.seq)
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

/// What was asked of waits that are due.
struct StillRound: Sendable {
    /// By the numbers of the waits.
    var answers: [Int64: StillAnswer] = [:]
    /// Identities of whom nobody knew whose they are when they were armed.
    var unknown: [String] = []
    /// Whether the store was not as far as it is asked for.
    var isLate = false
    /// Whether something could not be asked now.
    var hasFailed = false
}

/// A wait that is due, as it is asked about.
struct DueWait: Sendable {
    let number: Int64
    let rule: Int64
    let version: Int64
    let identity: String
    let person: Int64?
}
