import Journal
import Model
import Testing

@testable import EventStore

/// What happens in random histories, in the store and in the model.
extension ComputedTests {
    /// Erases somebody, or what is old.
    static func remove(
        _ fixture: StoreFixture, _ model: inout ComputedModel, now: Int64, _ random: inout SeededGenerator
    ) async throws {
        if Bool.random(using: &random) {
            let before = now - 30 * dayLength
            _ = try await fixture.store.remove(.aged([.init(before: Timestamp(microseconds: before))]))
            model.events.removeAll { $0.time < before }
            return
        }
        let person = model.people(asOf: fixture.store.appliedSeq).sorted { $0.key < $1.key }.randomElement(
            using: &random)
        guard let gone = person?.value else { return }
        let ids = try await fixture.store.identitiesOfPersons(with: gone)
        #expect(Set(ids.map(\.text)) == Set(gone))
        let copies = try await fixture.store.remove(.identities(ids.map(\.id)))
        #expect(copies.allSatisfy { $0.verified })
        model.events.removeAll { gone.contains($0.identity) }
        model.ties.removeAll { gone.contains($0.a) || gone.contains($0.b) }
        model.identities.removeAll { gone.contains($0.name) }
        let left = try await fixture.rows(
            "SELECT count(*) FROM people_current WHERE erased AND (computed IS NOT NULL OR merged_into IS NOT NULL)")
        #expect(left == ["0"])
    }

    static func append(
        _ fixture: StoreFixture, _ model: inout ComputedModel, now: Int64, _ random: inout SeededGenerator
    ) async throws {
        let names = (0..<12).map { "id\($0)" }
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let identity = names.randomElement(using: &random) ?? ""
            // Most of late, some long ago, some after now.
            let time =
                now + Int64.random(in: -50...2, using: &random) * dayLength
                + Int64.random(in: 0..<dayLength, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1:
                let other = names.randomElement(using: &random) ?? ""
                guard other != identity else { continue }
                let seq = try await fixture.append([alias(identity, other)])
                // A store numbers an alias's first side before the other.
                model.see(identity, seq)
                model.see(other, seq)
                model.ties.append(.init(seq: seq, a: identity, b: other, undoneSeq: nil))
            case 2:
                let live = model.ties.indices.filter { model.ties[$0].undoneSeq == nil }
                guard let place = live.randomElement(using: &random) else { continue }
                let seq = try await fixture.append([undo(model.ties[place].seq)])
                let pair = Set([model.ties[place].a, model.ties[place].b])
                for at in model.ties.indices
                where model.ties[at].undoneSeq == nil && Set([model.ties[at].a, model.ties[at].b]) == pair {
                    model.ties[at].undoneSeq = seq
                }
            case 3:
                let seq = try await fixture.append([item(.set, identity, #"{"plan":"x"}"#)])
                model.see(identity, seq)
            default:
                let isPaid = Bool.random(using: &random)
                let amount =
                    Bool.random(using: &random)
                    ? "\(Int.random(in: -99...999, using: &random)).\(Int.random(in: 10...99, using: &random))" : nil
                let plan = Bool.random(using: &random) ? "pro" : nil
                var properties: [String] = []
                if let amount {
                    properties.append("\"amount\":\(Bool.random(using: &random) ? amount : "\"\(amount)\"")")
                }
                if let plan { properties.append("\"plan\":\"\(plan)\"") }
                var item = event(identity, isPaid ? "Paid" : "Seen", "{\(properties.joined(separator: ","))}")
                item.timestamp = Timestamp(microseconds: time)
                let seq = try await fixture.append([item])
                model.see(identity, seq)
                model.events.append(
                    .init(
                        seq: seq, identity: identity, name: isPaid ? "Paid" : "Seen", time: time, amount: amount,
                        plan: plan))
            }
        }
        try await fixture.store.waitForApplied(fixture.journal.durableSeq, timeout: .seconds(300))
    }
}
