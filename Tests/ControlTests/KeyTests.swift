import Model
import Testing

@testable import Control

@Suite("Keys are kept, found, rotated and revoked")
struct KeyTests {
    private static let hour: Int64 = 3_600_000_000

    private func later(_ time: Timestamp, _ microseconds: Int64) -> Timestamp {
        Timestamp(microseconds: time.microseconds + microseconds)
    }

    @Test("A key is found by its text, with what it may do, until it expires; no file holds the text")
    func kept() async throws {
        try await withControl { control, directory in
            let end = later(now(), Self.hour)
            let made = try await control.createKey(
                project: "default", name: "CRM é", scopes: [.peopleRead, .exportsWrite], columns: ["person.a,\"b"],
                expiresAt: end)
            let ring = try await KeyRing(control)
            let found = try #require(ring.find(made.text, at: now()))
            #expect(found == made.key && found.scopes == [.peopleRead, .exportsWrite])
            #expect(found.name == "CRM é" && found.columns == ["person.a,\"b"] && found.kind == .secret)
            #expect(ring.find(made.text, at: later(end, -1)) != nil)
            #expect(ring.find(made.text, at: end) == nil)
            #expect(ring.find(made.text + "x", at: now()) == nil && ring.find("sk_", at: now()) == nil)
            #expect(try filesHolding(made.text, in: directory) == [])
            try await ring.flushUse()
            // The latest time at which it opened something, not that at which it was refused.
            #expect(try await control.key(made.key.id, project: "default")?.lastUsedAt == later(end, -1))
            #expect(try await control.key(made.key.id, project: "other") == nil)
            await #expect(throws: ControlError.self) {
                try await control.createKey(project: "other", name: "x", scopes: [.admin])
            }
        }
    }

    @Test("Each text that a key had opens until its own end, and a revoked key has none")
    func rotated() async throws {
        try await withControl { control, _ in
            let ring = try await KeyRing(control)
            let first = try await control.createKey(project: "default", name: "k", scopes: [.admin])
            let (one, two) = (later(now(), Self.hour), later(now(), 2 * Self.hour))
            let id = first.key.id
            let second = try #require(try await control.rotateKey(id, project: "default", oldUntil: two))
            let third = try #require(try await control.rotateKey(id, project: "default", oldUntil: one))
            let fourth = try #require(try await control.rotateKey(id, project: "default", oldUntil: now()))
            try await ring.reload()
            #expect(fourth.key.id == id && fourth.key.oldUntil == two && fourth.key.rotatedAt != nil)
            func open(_ time: Timestamp) -> [Bool] {
                [first, second, third, fourth].map { ring.find($0.text, at: time)?.id == id }
            }
            #expect(open(now()) == [true, true, false, true])
            #expect(open(one) == [true, false, false, true])
            #expect(open(two) == [false, false, false, true])
            #expect(try await control.rotateKey(id, project: "other", oldUntil: one) == nil)
            #expect(try await control.revokeKey(id, project: "other") == nil)

            let revoked = try #require(try await control.revokeKey(id, project: "default"))
            try await ring.reload()
            #expect(open(now()) == [false, false, false, false])
            #expect(try await control.revokeKey(id, project: "default")?.revokedAt == revoked.revokedAt)
            #expect(try await control.rotateKey(id, project: "default", oldUntil: one) == nil)
            #expect(try await !control.keys(project: "default").contains { $0.id == id })
            #expect(try await control.keys(project: "default", includesRevoked: true).contains { $0.id == id })
        }
    }

    @Test("A write key is rotated and revoked like others, and a project lists those that open")
    func writeKeys() async throws {
        try await withControl { control, _ in
            let ring = try await KeyRing(control)
            let key = try #require(try await control.keys(project: "default").first { $0.kind == .write })
            let old = try #require(key.writeKey)
            let issued = try #require(
                try await control.rotateKey(key.id, project: "default", oldUntil: later(now(), Self.hour)))
            #expect(issued.text.hasPrefix("wk_") && issued.key.writeKey == issued.text && issued.text != old)
            try await ring.reload()
            #expect(ring.find(old, at: now())?.id == key.id && ring.find(issued.text, at: now())?.id == key.id)
            #expect(try await control.projects().map(\.writeKeys) == [[issued.text]])
            _ = try await control.revokeKey(key.id, project: "default")
            try await ring.reload()
            #expect(ring.find(old, at: now()) == nil && ring.find(issued.text, at: now()) == nil)
            #expect(try await control.projects().map(\.writeKeys) == [[]])
        }
    }

    @Test("Changes at once all take effect")
    func concurrent() async throws {
        try await withControl { control, _ in
            let ring = try await KeyRing(control)
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        guard
                            let made = try? await control.createKey(
                                project: "default", name: "\(number)", scopes: [.collect]),
                            (try? await ring.reload()) != nil
                        else { return false }
                        return ring.find(made.text, at: now())?.name == "\(number)"
                    }
                }
                for await found in group { #expect(found) }
            }
        }
    }

    @Test("What writes a thing reads it, admin is all, and nothing else includes another")
    func scopes() {
        let pairs: [(Scope, Scope)] = [
            (.reportsWrite, .reportsRead), (.exportsWrite, .exportsRead), (.webhooksWrite, .webhooksRead),
            (.pipelinesWrite, .pipelinesRead),
        ]
        for one in Scope.allCases {
            for other in Scope.allCases {
                let expected = one == other || one == .admin || pairs.contains { $0 == (one, other) }
                #expect(Set([one]).allows(other) == expected, "\(one) \(other)")
            }
        }
        let all = Set(Scope.allCases)
        #expect(Set(text: all.text) == all && Set<Scope>(text: "people:read nothing:known") == [.peopleRead])
    }
}
