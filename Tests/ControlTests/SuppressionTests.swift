import Model
import Testing

@testable import Control

@Suite("Suppressed identities")
struct SuppressionTests {
    private func contains(_ list: SuppressedIdentities, _ text: String) -> Bool {
        list.contains(Array(text.utf8).span)
    }

    @Test("They are refused after a start too, taken off again, and each project has its own")
    func list() async throws {
        try await withControl { control, directory in
            _ = try await control.createProject("other")
            let empty = try await control.suppressedIdentities(project: "default")
            #expect(empty.isEmpty && !contains(empty, "ann") && empty.revision == 0)
            let texts = ["ann@unlikely.example", "é", "e\u{301}", "bob", "bob"]
            let list = try await control.suppress(texts, project: "default")
            // Two ways to write é are two identities.
            #expect(list.count == 4 && texts.allSatisfy { contains(list, $0) })
            #expect(!contains(list, "ann@unlikely.exampl") && !contains(list, "Bob") && !contains(list, ""))
            let again = try await control.suppress(["bob"], project: "default")
            #expect(again.count == 4 && again.revision > list.revision)

            let other = try ControlStore(directory: directory)
            let reread = try await other.suppressedIdentities(project: "default")
            #expect(reread.count == 4 && texts.allSatisfy { contains(reread, $0) })
            try other.close()
            #expect(try await control.suppressedIdentities(project: "other").isEmpty)

            let (lifted, left) = try await control.liftSuppressions(["bob", "nobody", "é"], project: "default")
            #expect(lifted == 2 && left.count == 2 && left.revision > again.revision)
            #expect(!contains(left, "bob") && contains(left, "e\u{301}"))
        }
    }

    @Test("No text is kept, and two projects keep different hashes")
    func hashes() async throws {
        try await withControl { control, directory in
            _ = try await control.createProject("other")
            let text = "quagga-77@unlikely.example"
            let one = try await control.suppress([text], project: "default")
            let two = try await control.suppress([text], project: "other")
            #expect(one.mark(of: Array(text.utf8).span) != two.mark(of: Array(text.utf8).span))
            #expect(one.mark(of: Array(text.utf8).span) != .none)
            #expect(try filesHolding(text, in: directory) == [])
        }
    }
}
