import Destinations
import Foundation
import Model
import Testing

@testable import Pipelines

@Suite("Files that pipelines left lose the rows of who is forgotten, and no others")
struct ErasedWindowTests {
    @Test("A window whose rows were chosen by history that is gone keeps everybody else's")
    func thinned() async throws {
        try await Works.with { works in
            try await works.apply(ErasedWindows.pipeline("columns: [seq, event, identity], where: { did: Joined }"))
            try await ErasedWindows.load(
                [.init(who: "ann", name: "Joined", second: 10), .init(who: "bob", name: "Joined", second: 10)], works)
            try await ErasedWindows.load(
                ["ann", "bob", "cy"].map { .init(who: $0, name: "Seen", second: 1_000) }, works)
            let aged = try await ErasedWindows.age(before: 500, works)
            let done = try await ErasedWindows.erase("ann", aged, works)
            #expect(
                try ErasedWindows.files(works) == [
                    "seq,event,identity\r\n2,Joined,bob\r\n", "seq,event,identity\r\n4,Seen,bob\r\n",
                ])
            #expect(done.rows == 2 && done.isVerified && done.isOver, "\(done)")
        }
    }

    @Test("Where no column tells whose such rows are, the receipt says that they were left")
    func thinnedAndUntellable() async throws {
        try await Works.with { works in
            try await works.apply(ErasedWindows.pipeline("columns: [event, timestamp], where: { did: Joined }"))
            try await ErasedWindows.load(
                [.init(who: "ann", name: "Joined", second: 10), .init(who: "ann", name: "Joined", second: 20)], works)
            try await ErasedWindows.load(["ann", "bob"].map { .init(who: $0, name: "Seen", second: 1_000) }, works)
            let before = try ErasedWindows.files(works)
            let done = try await ErasedWindows.erase("ann", try await ErasedWindows.age(before: 500, works), works)
            #expect(try ErasedWindows.files(works) == before)
            #expect(done.rows == 0 && !done.isVerified && done.isOver)
            #expect(done.how.contains("1 files of rows that depend on what is older than what the store keeps"))
        }
    }

    @Test("A manifest that does not say what columns hold is taken at its specification's word, and proves nothing")
    func untold() async throws {
        try await Works.with { works in
            try await works.apply(ErasedWindows.pipeline("columns: [seq, identity, event]"))
            try await ErasedWindows.load(["ann", "bob"].map { .init(who: $0, name: "Joined", second: 10) }, works)
            try ErasedWindows.forgetTelling(works)
            try await ErasedWindows.load(
                ["ann", "bob", "cy"].map { .init(who: $0, name: "Seen", second: 1_000) }, works)
            let aged = try await ErasedWindows.age(before: 500, works)
            let done = try await ErasedWindows.erase("ann", aged, works)
            let files = try ErasedWindows.files(works)
            // The first lost a row; the second was made by the store.
            #expect(
                files == [
                    "seq,identity,event\r\n2,bob,Joined\r\n", "seq,identity,event\r\n4,bob,Seen\r\n5,cy,Seen\r\n",
                ])
            #expect(done.rows == 2 && done.isVerified && done.isOver, "\(done)")
            // Nobody of that name is in the first one: that need not mean that nothing there is theirs.
            let other = try await ErasedWindows.erase("cy", aged, works)
            #expect(other.rows == 1 && !other.isVerified && other.isOver)
            #expect(other.how.contains("1 files whose manifests do not say what their columns hold"))
        }
    }

    @Test("A file that the store makes anew says what its columns hold")
    func toldAnew() async throws {
        try await Works.with { works in
            try await works.apply(ErasedWindows.pipeline("columns: [seq, identity]"))
            try await ErasedWindows.load(["ann", "bob"].map { .init(who: $0, name: "Seen", second: 1_000) }, works)
            try ErasedWindows.forgetTelling(works)
            let done = try await ErasedWindows.erase("ann", AgedRows(), works)
            #expect(done.rows == 1 && done.isVerified)
            let manifest = try String(
                contentsOfFile: try #require(try ErasedWindows.names(works, ".json").first), encoding: .utf8)
            #expect(try JSONValue(text: manifest)["tells"] == ["identity": "identity", "seq": "seq"])
        }
    }
}
